// @ts-check
/**
 * Smoothing over time, in seconds: of probabilities and heat maps, of labels, and of the places that are
 * cut. As livefer/tracking/smoothing.py.
 */

import {steadyClass} from './labels.js';
import {placeOf} from './tracker.js';
import {BOTH, viewsOf} from './views.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./tracker.js').Place} Place */
/** @typedef {import('./tracker.js').Track} Track */
/**
 * @typedef {{smoothing: {window_s: number, steady_s: number, tremble: number}, labels: {lead: number},
 *   tracker: {keep_s: number}, views: import('./views.js').ViewRules}} Rules
 * @typedef {{timeS: number, probabilities: Float32Array, cams: Float32Array | null, classId: number}} Sample
 *   the network's answer for a face in one picture, and the face's label then
 * @typedef {{probabilities: Float32Array, plain: Float32Array, cams: Float32Array | null, classId: number}} Smoothed
 *   plain: before a profile judged it
 */

const NONE = -1;

/** Smooths the faces of one stream. Each picture passes `views` before the network and `add` after it. */
export class Smoother {
  /** @param {Rules} rules @param {number} windowS length of the window that is averaged; 0 smooths nothing */
  constructor(rules, windowS) {
    this.rules = rules;
    this.windowS = windowS;
    /** @type {Map<number, Sample[]>} by track */
    this.samples = new Map();
    this.addedS = -Infinity;
    /** @type {Map<number, {seenS: number, number: number}>} of each track seen within the window */
    this.runs = new Map();
    this.viewedS = -Infinity;
  }

  /** @param {number[]} trackIds @param {number} timeS @returns {number[][]} for each face, which views the network is to see */
  views(trackIds, timeS) {
    const pauseS = timeS - this.viewedS;
    this.viewedS = timeS;
    const known = pauseS < 0 ? [] : [...this.runs];
    this.runs = new Map(known.filter(([, {seenS}]) => timeS - seenS <= this.windowS));
    const isAveraged = this.windowS > 0 && (pauseS <= this.windowS || !Number.isFinite(pauseS));
    return trackIds.map((id) => {
      const run = this.runs.get(id) ?? {seenS: Infinity, number: -1};
      const number = run.number + (run.seenS === timeS ? 0 : 1); // one of the same time replaces the one before
      this.runs.set(id, {seenS: timeS, number});
      return isAveraged ? viewsOf(number, this.rules.views) : BOTH;
    });
  }

  /** @param {Box[]} boxes @param {Track[]} tracks matched to them @returns {Box[]} without the trembling of detectors */
  steadyBoxes(boxes, tracks) {
    const {steady_s: steadyS, tremble} = this.rules.smoothing;
    const within = Math.min(steadyS, this.windowS);
    return boxes.map((box, i) => movedTo(box, steadyPlace(tracks[i].times, tracks[i].places, within, tremble)));
  }

  /**
   * Add the network's answers for the next picture's faces, and return them smoothed.
   * @param {number[]} trackIds @param {number} timeS @param {Float32Array[]} probabilities
   * @param {Float32Array[] | null} cams where a picture has none, the newest ones count
   * @param {((mean: Float32Array, i: number) => Float32Array) | null} [judge] what a mean says by a profile
   * @returns {Smoothed[]}
   */
  add(trackIds, timeS, probabilities, cams, judge = null) {
    this.dropOld(timeS);
    return trackIds.map((id, i) => {
      const own = {timeS, probabilities: probabilities[i], cams: cams && cams[i], classId: NONE};
      const samples = this.with(id, own);
      const weights = windowWeights(samples.map((one) => one.timeS), this.windowS);
      const plain = weighted(samples.map((one) => one.probabilities), weights);
      const maps = own.cams && weighted(samples.map((one) => one.cams ?? /** @type {Float32Array} */ (own.cams)), weights);
      const judged = judge ? judge(plain, i) : plain;
      const before = samples[samples.length - 2];
      const isRun = before && before.classId !== NONE && timeS - before.timeS <= this.windowS;
      own.classId = steadyClass(judged, isRun ? before.classId : null, this.rules.labels.lead);
      return {probabilities: judged, plain, cams: maps, classId: own.classId};
    });
  }

  /** @param {number} id @param {Sample} own @returns {Sample[]} of a track that the window needs, the new one last */
  with(id, own) {
    const samples = this.samples.get(id) ?? [];
    this.samples.set(id, samples);
    if (samples.length && samples[samples.length - 1].timeS === own.timeS) samples.pop();
    samples.push(own);
    // The last one before the window stays: the line to it enters the window.
    while (samples.length > 1 && samples[1].timeS <= own.timeS - this.windowS) samples.shift();
    return samples;
  }

  /** Drop the samples of tracks that are gone, and all of them where time jumps back. @param {number} timeS */
  dropOld(timeS) {
    if (timeS < this.addedS) this.samples.clear();
    this.addedS = timeS;
    for (const [id, samples] of this.samples) {
      if (timeS - samples[samples.length - 1].timeS > this.rules.tracker.keep_s) this.samples.delete(id);
    }
  }
}

/** @param {Float32Array[]} rows @param {Float64Array} weights @returns {Float32Array} */
function weighted(rows, weights) {
  const sums = new Float64Array(rows[0].length);
  rows.forEach((row, i) => {
    if (weights[i]) for (let j = 0; j < sums.length; j += 1) sums[j] += weights[i] * row[j];
  });
  return Float32Array.from(sums);
}

/**
 * Return the weights of samples in their mean over the last seconds; their sum is 1. The mean is that of
 * the line through the samples: its integral over the window (trapezoids) by the window's length.
 * @param {number[]} times growing @param {number} windowS @returns {Float64Array}
 */
export function windowWeights(times, windowS) {
  const n = times.length;
  const weights = new Float64Array(n);
  const last = times[n - 1];
  const start = Math.max(last - windowS, times[0]);
  if (windowS <= 0 || last === start) {
    weights[n - 1] = 1;
    return weights;
  }
  const first = times.findIndex((time) => time > start); // in the window
  let before = start;
  for (let i = first; i < n; i += 1) {
    const half = (times[i] - before) / 2;
    weights[i] += half;
    if (i > first) weights[i - 1] += half;
    before = times[i];
  }
  // The value at the window's edge lies on the line between the samples around it.
  const half = (times[first] - start) / 2;
  const share = (start - times[first - 1]) / (times[first] - times[first - 1]);
  weights[first - 1] += half * (1 - share);
  weights[first] += half * share;
  return weights.map((weight) => weight / (last - start));
}

/**
 * Return the newest of some places without its trembling; with fewer than three recent ones as it is.
 * @param {number[]} times growing @param {Place[]} places @param {number} within age in seconds
 * @param {number} tremble at most, in sides @returns {Place}
 */
export function steadyPlace(times, places, within, tremble) {
  const last = times[times.length - 1];
  const newest = places[places.length - 1];
  const first = times.findIndex((time) => time - last >= -within - 1e-6);
  const n = times.length - first;
  if (n < 3) return newest;
  const recent = times.slice(first).map((time) => time - last);
  const mean = recent.reduce((a, b) => a + b, 0) / n;
  const spread = recent.reduce((sum, time) => sum + (time - mean) ** 2, 0);
  const most = tremble * newest[2];
  const moved = newest.map((value, axis) => {
    let [sum, slope] = [0, 0];
    recent.forEach((time, i) => {
      sum += places[first + i][axis];
      slope += (time - mean) * places[first + i][axis];
    });
    const off = sum / n - (slope / spread) * mean - value;
    return value + Math.min(Math.max(off, -most), most);
  });
  return /** @type {Place} */ (moved);
}

/** @param {Box} box @param {Place} place @returns {Box} moved and resized to it */
function movedTo(box, [x, y, side]) {
  const [fromX, fromY, fromSide] = placeOf(box);
  const scale = side / fromSide;
  return [x + (box[0] - fromX) * scale, y + (box[1] - fromY) * scale,
    x + (box[2] - fromX) * scale, y + (box[3] - fromY) * scale];
}
