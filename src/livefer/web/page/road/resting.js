// @ts-check
/** A person's resting face, found among many answers, and while a stream runs. As livefer/profiles/resting.py and running.py. */

import {profileOf} from './profile.js';
import {argmax} from './results.js';

/** @typedef {import('./profile.js').Profile} Profile */
/** @typedef {import('./profile.js').OfModel & {version: string}} Model */
/**
 * @typedef {{calmest: number, least_frames: number, least_resting: number, most_else: number}} RestingRules
 * @typedef {{auto: string, every_s: number, enough_s: number, again_s: number, most: number}} RunningRules
 * @typedef {{profile: import('./profile.js').ProfileRules, resting: RestingRules, running: RunningRules}} Rules
 */

/**
 * Return a profile of the resting face among answers; null where there is hardly one.
 * @param {Model} model @param {Float32Array[]} answers @param {string} name @param {Rules} rules @returns {Profile | null}
 */
export function restingProfile(model, answers, name, rules) {
  const {calmest: share, least_frames: least, least_resting: leastResting, most_else: mostElse} = rules.resting;
  const make = (/** @type {Float32Array[]} */ rows) => (
    profileOf(model, {[rules.profile.neutral]: rows}, name, rules.profile));
  if (answers.length < 2 * least) return null;
  const at = model.classes.indexOf(rules.profile.neutral);
  const nCalmest = Math.max(least, Math.round(share * answers.length));
  const calmest = [...answers].sort((a, b) => b[at] - a[at]).slice(0, nCalmest);
  const isElse = model.classes.some((_, c) => (
    c !== at && calmest.reduce((sum, row) => sum + row[c], 0) / calmest.length > mostElse));
  if (isElse) return null;
  const first = make(calmest);
  const resting = answers.filter((row) => argmax(first.judge(row)) === at);
  if (resting.length < leastResting * nCalmest) return null;
  return make(resting.length < nCalmest ? calmest : resting);
}

/** Remembers what one person looks like, and estimates their resting face again and again. */
export class RunningProfile {
  /** @param {Model} model @param {Rules} rules */
  constructor(model, rules) {
    this.model = model;
    this.rules = rules;
    /** @type {Float32Array[]} */
    this.answers = [];
    this.trackId = -1;
    this.seenS = -Infinity;
    this.estimatedS = -Infinity;
    /** @type {Profile | null} the newest estimate */
    this.profile = null;
  }

  /** Add a smoothed answer; another track is another person. @param {number} trackId @param {number} timeS @param {Float32Array} answer */
  add(trackId, timeS, answer) {
    const {auto, every_s: everyS, enough_s: enoughS, again_s: againS, most} = this.rules.running;
    if (trackId !== this.trackId) {
      [this.answers, this.profile] = [[], null];
      [this.trackId, this.seenS, this.estimatedS] = [trackId, -Infinity, timeS];
    }
    if (timeS < this.seenS + everyS) return;
    this.seenS = timeS;
    this.answers.push(answer);
    if (this.answers.length > most) this.answers.shift();
    if (this.answers.length * everyS >= enoughS && timeS >= this.estimatedS + againS) {
      this.estimatedS = timeS;
      this.profile = restingProfile(this.model, this.answers, auto, this.rules);
    }
  }
}
