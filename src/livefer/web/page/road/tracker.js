// @ts-check
/** Identities from picture to picture: boxes matched to tracks. As livefer/tracking/tracker.py. */

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {[number, number, number]} Place x and y of a box's middle, and its side, in pixels */
/**
 * @typedef {{keep_s: number, motion_s: number, reach: number, reach_per_s: number, hidden: number,
 *   max_growth: number}} TrackerRules
 */

/** @param {Box} box @returns {Place} */
export function placeOf([left, top, right, bottom]) {
  return [(left + right) / 2, (top + bottom) / 2, Math.max((right - left + bottom - top) / 2, 1)];
}

/** One face over time, as far as its motion needs it. */
export class Track {
  /** @param {number} id @param {number} motionS */
  constructor(id, motionS) {
    this.id = id;
    this.motionS = motionS;
    /** @type {number[]} of the last matches, the newest last */
    this.times = [];
    /** @type {Place[]} */
    this.places = [];
  }

  /** @returns {number} when it was matched last */
  get lastS() {
    return this.times[this.times.length - 1];
  }

  /** Append a match; one of the same time is replaced. @param {number} timeS @param {Place} place */
  add(timeS, place) {
    if (this.lastS === timeS) {
      this.times.pop();
      this.places.pop();
    }
    this.times.push(timeS);
    this.places.push(place);
    while (this.times.length > 1 && this.times[1] <= timeS - this.motionS) {
      this.times.shift();
      this.places.shift();
    }
  }

  /** Keep the last place only, as if matched at another time. @param {number} timeS */
  forgetMotion(timeS) {
    this.times = [timeS];
    this.places = this.places.slice(-1);
  }

  /** @param {number} timeS @returns {Place} after motion at constant velocity */
  expectedAt(timeS) {
    const n = this.times.length;
    const last = this.places[n - 1];
    const times = this.times.map((time) => time - this.lastS);
    const first = Math.min(times.findIndex((time) => time >= -this.motionS), Math.max(n - 2, 0));
    const mean = times.slice(first).reduce((a, b) => a + b, 0) / (n - first);
    let [spread, x, y] = [0, 0, 0];
    for (let i = first; i < n; i += 1) {
      const off = times[i] - mean;
      spread += off * off;
      x += off * this.places[i][0];
      y += off * this.places[i][1];
    }
    if (spread === 0) return last;
    const ahead = Math.min(timeS - this.lastS, this.motionS) / spread;
    return [last[0] + x * ahead, last[1] + y * ahead, last[2]];
  }
}

/** The tracks of one stream. No id is used twice. */
export class Tracker {
  /** @param {TrackerRules} rules */
  constructor(rules) {
    this.rules = rules;
    /** @type {Track[]} */
    this.tracks = [];
    this.nTracks = 0;
    this.timeS = -Infinity;
    this.beforeS = -Infinity;
  }

  /**
   * Return the track of each box of the next picture. After a long jump back every track is dropped; after
   * a short one they only lose their motion.
   * @param {Box[]} boxes @param {number} timeS @returns {Track[]}
   */
  match(boxes, timeS) {
    this.moveTo(timeS);
    const places = boxes.map(placeOf);
    const rows = pairs(this.tracks.map((track) => this.costs(track, places, timeS)));
    return places.map((place, j) => {
      const row = rows.get(j);
      const track = row === undefined ? this.begin() : row;
      track.add(timeS, place);
      return track;
    });
  }

  /** @returns {Track} */
  begin() {
    this.nTracks += 1;
    const track = new Track(this.nTracks, this.rules.motion_s);
    this.tracks.push(track);
    return track;
  }

  /** @param {number} timeS */
  moveTo(timeS) {
    if (timeS < this.timeS - this.rules.keep_s) this.tracks = [];
    else if (timeS < this.timeS) this.tracks.forEach((track) => track.forgetMotion(timeS));
    this.tracks = this.tracks.filter((track) => timeS - track.lastS <= this.rules.keep_s);
    [this.beforeS, this.timeS] = [this.timeS, timeS];
  }

  /** @param {Track} track @param {Place[]} places @param {number} timeS @returns {[Track, number[]]} of each place */
  costs(track, places, timeS) {
    const {reach, reach_per_s: perS, hidden, max_growth: maxGrowth} = this.rules;
    const [x, y, side] = track.expectedAt(timeS);
    const unseenS = timeS - track.lastS;
    const more = unseenS > this.timeS - this.beforeS ? hidden : 0;
    return [track, places.map((place) => {
      const distance = Math.hypot(x - place[0], y - place[1]) / ((side + place[2]) / 2);
      const growth = Math.abs(Math.log(side / place[2]));
      const isWithin = distance <= reach + perS * unseenS && growth <= Math.log(maxGrowth);
      return isWithin ? distance + growth + more : Infinity;
    })];
  }
}

/**
 * Pair rows with columns, the smallest finite cost first, each once.
 * @template T
 * @param {[T, number[]][]} rows with the cost of each column @returns {Map<number, T>} by column
 */
export function pairs(rows) {
  /** @type {Map<number, T>} */
  const paired = new Map();
  let left = rows;
  for (;;) {
    let [least, best, column] = [Infinity, -1, -1];
    left.forEach(([, costs], i) => costs.forEach((cost, j) => {
      if (cost < least && !paired.has(j)) [least, best, column] = [cost, i, j];
    }));
    if (best < 0) return paired;
    paired.set(column, left[best][0]);
    left = left.filter((_, i) => i !== best);
  }
}
