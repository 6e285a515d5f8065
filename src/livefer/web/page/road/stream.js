// @ts-check
/** The state of one live stream: its search, its tracks and its smoothing. As livefer/tracking/stream.py. */

import {largest} from './boxes.js';
import {checkPicture} from './pictures.js';
import {readProfile} from './profile.js';
import {RunningProfile} from './resting.js';
import {LiveSearch} from './search.js';
import {Smoother} from './smoothing.js';
import {Tracker} from './tracker.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./classifier.js').Classifier} Classifier */
/** @typedef {import('./pictures.js').Picture} Picture */
/** @typedef {import('./profile.js').Profile} Profile */
/** @typedef {import('./profile.js').ProfileFile} ProfileFile */
/** @typedef {import('./results.js').Faces} Faces */
/**
 * @typedef {{smoothing_s?: number, heatmap?: boolean, profile?: ProfileFile | 'auto' | null}} Options
 *   smoothing_s: length of the window that is averaged, 0: none; profile: a person's, or "auto": estimated
 *   while the stream runs
 */

/** Whose face a profile is about: that of the largest face, until its track has been lost. */
class Owner {
  /** @param {number} keepS */
  constructor(keepS) {
    this.keepS = keepS;
    this.trackId = -1;
    this.seenS = -Infinity;
  }

  /** @param {number[]} trackIds @param {Box[]} boxes @param {number} timeS @returns {number} the owner's row; -1 if absent */
  rowOf(trackIds, boxes, timeS) {
    if (!trackIds.includes(this.trackId)) {
      const awayS = timeS - this.seenS;
      if (!trackIds.length || (awayS >= 0 && awayS <= this.keepS)) return -1;
      this.trackId = trackIds[largest(boxes)];
    }
    this.seenS = timeS;
    return trackIds.indexOf(this.trackId);
  }
}

export class Stream {
  /** @param {import('./recognizer.js').Recognizer} recognizer @param {Options} options */
  constructor(recognizer, options) {
    this.recognizer = recognizer;
    this.rules = recognizer.card.rules;
    /** @type {Required<Options>} in effect */
    this.options = {smoothing_s: this.rules.smoothing.window_s, heatmap: false, profile: null};
    this.classifier = recognizer.classifier;
    /** @type {Profile | RunningProfile | null} */
    this.profile = null;
    this.queue = Promise.resolve();
    this.faces = this.newFaces();
    this.setOptions(options);
  }

  /** Forget all faces; their ids count from 1 again. */
  reset() {
    this.faces = this.newFaces();
    if (this.profile instanceof RunningProfile) this.profile = new RunningProfile(this.recognizer.model, this.rules);
  }

  /** Set some options for the next pictures; an Error, and no change, for the profile of another model. @param {Options} options */
  setOptions(options) {
    const next = {...this.options, ...options};
    if (options.profile !== undefined && options.profile !== this.options.profile) {
      this.profile = this.profileOf(next.profile);
      this.faces.owner = new Owner(this.rules.tracker.keep_s);
    }
    const isSame = next.smoothing_s === this.options.smoothing_s;
    this.options = next;
    if (!isSame) this.faces.smoother = this.newSmoother();
  }

  /**
   * Return the faces of the stream's next picture, in the order of their tracks. Calls may overlap: they are
   * answered one after the other.
   * @param {Picture} image @param {number} timeS seconds, on one clock for all pictures of the stream
   * @returns {Promise<Faces>}
   */
  process(image, timeS) {
    const reply = this.queue.then(() => this.answer(image, timeS));
    this.queue = reply.then(() => {}, () => {});
    return reply;
  }

  /** @param {Picture} image @param {number} timeS @returns {Promise<Faces>} */
  async answer(image, timeS) {
    checkPicture(image);
    const {recognizer} = this;
    if (recognizer.classifier !== this.classifier) this.changeModel(recognizer.classifier);
    // Options that are set meanwhile are for the next picture.
    const {classifier, options, profile} = this;
    const {search, tracker, smoother, owner} = this.faces;
    const began = performance.now();
    const found = await search.find(image, timeS, recognizer.detector);
    const boxes = found.map(({box}) => box);
    const detected = performance.now();
    const tracks = tracker.match(boxes, timeS);
    const ids = tracks.map(({id}) => id);
    const steady = smoother.steadyBoxes(boxes, tracks);
    const views = smoother.views(ids, timeS);
    const timings = {detect: detected - began, crop: 0, classify: 0, track: performance.now() - detected, total: 0};
    const answers = await recognizer.classify(classifier, image, steady, views, options.heatmap, timings);
    const finished = performance.now();
    const {smoothed, mine, name} = smooth({smoother, owner, profile}, ids, steady, timeS, answers);
    timings.track += performance.now() - finished;
    const order = ids.map((_, i) => i).sort((a, b) => ids[a] - ids[b]);
    const faces = order.map((i) => recognizer.face(classifier, image, answers, i, {
      trackId: ids[i], box: boxes[i], score: found[i].score, classId: smoothed[i].classId,
      probabilities: smoothed[i].probabilities, plain: i === mine ? smoothed[i].plain : null,
      profile: i === mine ? name : null,
    }, smoothed[i].cams));
    return recognizer.reply(image, faces, boxes, timings, began);
  }

  /** Go on with another model: the same faces, smoothed anew; a profile of the model before is left out. @param {Classifier} classifier */
  changeModel(classifier) {
    this.classifier = classifier;
    this.faces.smoother = this.newSmoother();
    try {
      this.profile = this.profileOf(this.options.profile);
    } catch {
      this.setOptions({profile: null});
    }
  }

  /** @param {ProfileFile | 'auto' | null} file @returns {Profile | RunningProfile | null} */
  profileOf(file) {
    const {model} = this.recognizer;
    if (file === null) return null;
    if (file === this.rules.running.auto) {
      const {neutral} = this.rules.profile;
      if (!model.classes.includes(neutral)) throw new Error(`the model "${model.name}" has no class "${neutral}"`);
      return new RunningProfile(model, this.rules);
    }
    const profile = readProfile(file, this.rules.profile);
    profile.check(model);
    return profile;
  }

  /** What is known of the stream's faces. */
  newFaces() {
    return {
      search: new LiveSearch(this.rules),
      tracker: new Tracker(this.rules.tracker),
      smoother: this.newSmoother(),
      owner: new Owner(this.rules.tracker.keep_s),
    };
  }

  newSmoother() {
    return new Smoother(this.rules, this.options.smoothing_s);
  }
}

/**
 * @param {{smoother: Smoother, owner: Owner, profile: Profile | RunningProfile | null}} of
 * @param {number[]} ids @param {Box[]} boxes @param {number} timeS @param {import('./recognizer.js').Answers} answers
 * @returns {{smoothed: import('./smoothing.js').Smoothed[], mine: number, name: string | null}} mine: the row
 *   that the profile called name has judged, or -1
 */
function smooth({smoother, owner, profile}, ids, boxes, timeS, {raw, cams}) {
  const running = profile instanceof RunningProfile ? profile : null;
  const own = profile instanceof RunningProfile ? profile.profile : profile;
  const mine = profile ? owner.rowOf(ids, boxes, timeS) : -1;
  const judge = own && ((/** @type {Float32Array} */ mean, /** @type {number} */ i) => (
    i === mine ? own.judge(mean) : mean));
  const smoothed = smoother.add(ids, timeS, raw, cams, judge);
  if (running && mine >= 0) running.add(ids[mine], timeS, smoothed[mine].plain);
  return {smoothed, mine: own ? mine : -1, name: own && own.name};
}
