// @ts-check
/**
 * The search of a live stream: every tenth of a second, and in between faces are followed.
 * As livefer/tracking/live_search.py, periodic_search.py and whole_search.py.
 */

import {isCovered, sideOf} from './boxes.js';
import {blockMeans, hasChanged, matchTemplate, templateOf} from './motion.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./detector.js').Detection} Detection */
/** @typedef {import('./pictures.js').Picture} Picture */
/**
 * @typedef {{search_s: number, still_s: number, hold_s: number, inside: number, same_face: number,
 *   max_pause_s: number}} SearchRules
 * @typedef {{search: SearchRules} & import('./motion.js').Rules} Rules
 * @typedef {{detect(image: Picture): Promise<Detection[]>,
 *   detectNear(image: Picture, boxes: Box[]): Promise<Detection[]>}} Detector
 */

/** Searches a picture whole, and lost faces once more for a while. */
export class WholeSearch {
  /** @param {SearchRules} rules */
  constructor(rules) {
    this.rules = rules;
    /** @type {{box: Box, foundS: number}[]} where and when each face was found last */
    this.known = [];
  }

  /** @param {Picture} image @param {number} timeS @param {Detector} detector @returns {Promise<Detection[]>} */
  async find(image, timeS, detector) {
    let found = await detector.detect(image);
    const recent = this.known.filter(({foundS}) => timeS >= foundS && timeS - foundS <= this.rules.hold_s);
    const missing = recent.filter(({box}) => !this.isAmong(box, found));
    this.known = [];
    if (missing.length) {
      const near = await detector.detectNear(image, missing.map(({box}) => box));
      missing.forEach((face, i) => {
        if (this.isAmong(face.box, found)) return; // found again as an earlier one of these
        if (near[i].score === 0) this.known.push(face);
        else found = this.with(found, near[i]);
      });
    }
    this.known.push(...found.map(({box}) => ({box, foundS: timeS})));
    return found;
  }

  /** @param {Detection[]} found @param {Detection} now @returns {Detection[]} with a face in place of a smaller one */
  with(found, now) {
    const isSame = (/** @type {Detection} */ one) => isCovered(one.box, [now.box], this.rules.same_face);
    const isSmaller = (/** @type {Detection} */ one) => sideOf(one.box) * this.rules.inside < sideOf(now.box);
    if (!found.filter(isSame).every(isSmaller)) return found;
    return [...found.filter((one) => !isSame(one)), now];
  }

  /** @param {Box} box @param {Detection[]} found @returns {boolean} whether it is one of them, and not a mouth in it */
  isAmong(box, found) {
    const large = found.map((one) => one.box).filter((one) => sideOf(one) * this.rules.inside >= sideOf(box));
    return isCovered(box, large, this.rules.same_face);
  }
}

/** Searches periodically, rests while there is nothing to see, and follows faces in between. */
class PeriodicSearch {
  /** @param {Rules} rules */
  constructor(rules) {
    this.rules = rules;
    this.whole = new WholeSearch(rules.search);
    /** @type {{box: Box, score: number, template: Uint8Array}[]} */
    this.faces = [];
    this.searchedS = -Infinity;
    /** @type {Uint8Array | null} blocks of the searched picture without faces */
    this.empty = null;
  }

  /** @param {Picture} image @param {number} timeS @param {Detector} detector @returns {Promise<Detection[]>} */
  async find(image, timeS, detector) {
    if (this.isDue(image, timeS) || !this.follow(image)) {
      this.searchedS = timeS;
      const found = await this.whole.find(image, timeS, detector);
      this.faces = found.map(({box, score}) => ({box, score, template: templateOf(image, box, this.rules)}));
      this.empty = this.whole.known.length ? null : blockMeans(image, this.rules.motion);
    }
    return this.faces.map(({box, score}) => ({box, score}));
  }

  /** @param {Picture} image @param {number} timeS @returns {boolean} */
  isDue(image, timeS) {
    const {search_s: searchS, still_s: stillS} = this.rules.search;
    const waitedS = timeS - this.searchedS;
    if (!this.empty || waitedS < searchS || waitedS >= stillS) return waitedS >= searchS;
    return hasChanged(this.empty, blockMeans(image, this.rules.motion), this.rules.motion);
  }

  /** Move each face to its best match. @param {Picture} image @returns {boolean} false at the first without a good one */
  follow(image) {
    for (const face of this.faces) {
      const box = matchTemplate(image, face.box, face.template, this.rules);
      if (!box) return false;
      face.box = box;
    }
    return true;
  }
}

/** The search of one live stream. Another size of picture, a long pause, or a jump back begins anew. */
export class LiveSearch {
  /** @param {Rules} rules */
  constructor(rules) {
    this.rules = rules;
    this.search = new PeriodicSearch(rules);
    this.size = '';
    this.timeS = -Infinity;
  }

  /**
   * Return the faces of the stream's next picture.
   * @param {Picture} image @param {number} timeS @param {Detector} detector @returns {Promise<Detection[]>}
   */
  find(image, timeS, detector) {
    const size = `${image.width}×${image.height}`;
    const pauseS = timeS - this.timeS;
    if (size !== this.size || !(pauseS >= 0 && pauseS <= this.rules.search.max_pause_s)) {
      this.search = new PeriodicSearch(this.rules);
    }
    [this.size, this.timeS] = [size, timeS];
    return this.search.find(image, timeS, detector);
  }
}
