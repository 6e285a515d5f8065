// @ts-check
/** Answers for a visitor who holds an expression for two seconds, or several in turn. */

import {mainFace, sideOf} from './road/boxes.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./engine.js').Reply} Reply */

/** @typedef {{hold_s: number, ready_s: number, least_frames: number, gap_s: number, rival: number}} Rules */

export const NEUTRAL = 'neutral';

export class Enrolment {
  /**
   * @param {string[]} expressions in their order; several are announced, one begins at once
   * @param {Rules} rules the numbers of livefer's Python
   */
  constructor(expressions, rules) {
    this.left = [...expressions];
    this.rules = rules;
    this.readyS = expressions.length > 1 ? rules.ready_s : 0;
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
    const {hold_s: holdS, least_frames: leastFrames, gap_s: gapS, rival} = this.rules;
    const face = mainFace(faces);
    if (!face || faces.some((one) => one !== face && side(one) > rival * side(face))) {
      if (time - this.seenAt <= gapS) return false;
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
    if (ready <= -holdS && this.rows.length >= leastFrames) {
      this.answers[name] = this.rows;
      this.leaveOut();
      return true;
    }
    const what = name === NEUTRAL ? 'Your face at rest' : `Show ${name}`;
    this.prompt = `${what}: hold still, ${Math.max(1, Math.ceil(holdS + ready))} s`;
    return false;
  }
}

const side = (/** @type {Face} */ {box}) => sideOf(/** @type {import('./road/boxes.js').Box} */ (box));
