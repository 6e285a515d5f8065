// @ts-check
/** Answers for a visitor who holds an expression for two seconds, or several in turn. */

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./engine.js').Reply} Reply */

export const NEUTRAL = 'neutral';
// As in livefer/live/enrolment.py and livefer/profiles/moments.py, for the same profiles.
const HOLD_S = 2;
const READY_S = 3;
const LEAST_FRAMES = 5;
const GAP_S = 0.5; // a face may be missing for so long before its expression begins anew
const OTHERS = 0.5; // a second face counts from so much of the largest one's side

export class Enrolment {
  /** @param {string[]} expressions in their order; several are announced, one begins at once */
  constructor(expressions) {
    this.left = [...expressions];
    this.readyS = expressions.length > 1 ? READY_S : 0;
    /** @type {Record<string, Record<string, number>[]>} by expression, the answers for what was held */
    this.answers = {};
    this.prompt = 'Look into the camera.';
    /** @type {Record<string, number>[]} */
    this.rows = [];
    this.trackId = /** @type {number | null} */ (null);
    this.seenAt = NaN;
    this.since = NaN;
  }

  /** Begin the expression anew. */
  begin() {
    Object.assign(this, {rows: [], trackId: null, seenAt: NaN, since: NaN});
  }

  /** @returns {boolean} whether the expression may be left out: all but the neutral one */
  optional() {
    return this.left.length > 0 && this.left[0] !== NEUTRAL;
  }

  /** Go on to the next expression. */
  leaveOut() {
    this.left.shift();
    this.begin();
  }

  /** @param {Reply} reply to the next frame @returns {boolean} whether an expression is complete with it */
  add({faces, time_s: time}) {
    if (!this.left.length) return false;
    const face = faces.reduce((/** @type {Face | null} */ best, one) => (
      best && side(best) >= side(one) ? best : one), null);
    if (!face || faces.some((one) => one !== face && side(one) > OTHERS * side(face))) {
      if (time - this.seenAt <= GAP_S) return false;
      this.begin();
      this.prompt = face ? 'Several faces in view. Come closer, or let the others step aside.'
        : 'No face in view. Look into the camera.';
      return false;
    }
    if (face.track_id !== this.trackId || time < this.seenAt) {
      this.begin();
      [this.trackId, this.since] = [face.track_id, time];
    }
    this.seenAt = time;
    const [name] = this.left;
    const ready = this.since + this.readyS - time;
    if (ready > 0) {
      const what = name === NEUTRAL ? 'First your face at rest' : `Next: ${name}`;
      this.prompt = `${what}, in ${Math.ceil(ready)} s`;
      return false;
    }
    this.rows.push(face.raw_probabilities);
    if (ready <= -HOLD_S && this.rows.length >= LEAST_FRAMES) {
      this.answers[name] = this.rows;
      this.leaveOut();
      return true;
    }
    const what = name === NEUTRAL ? 'Your face at rest' : `Show ${name}`;
    this.prompt = `${what}: hold still, ${Math.max(1, Math.ceil(HOLD_S + ready))} s`;
    return false;
  }
}

const side = (/** @type {Face} */ {box}) => Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
