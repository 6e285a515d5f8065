// @ts-check
/** The road of a picture: detector, crops, classifier, answers. As livefer/recognizer.py. */

import {cropBox, largest} from './boxes.js';
import {Classifier, heatmap} from './classifier.js';
import {Detector} from './detector.js';
import {checkPicture} from './pictures.js';
import {readProfile} from './profile.js';
import {readability, tooSmall, whyNoFace} from './quality.js';
import {argmax, faceOf, tenths} from './results.js';
import {Folder, loadOrt, WASM} from './runtime.js';
import {Stream} from './stream.js';
import {BOTH, cutViews, mirror, viewMeans} from './views.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./classifier.js').ModelCard} ModelCard */
/** @typedef {import('./pictures.js').Picture} Picture */
/** @typedef {import('./results.js').Faces} Faces */
/** @typedef {import('./runtime.js').OnProgress} OnProgress */
/** @typedef {import('./networks.js').Ort} Ort */
/**
 * @typedef {{classifier: import('./classifier.js').ClassifierRules, answers: {least_sign: number},
 *   quality: import('./quality.js').QualityRules}
 *   & import('./search.js').Rules & import('./smoothing.js').Rules & import('./resting.js').Rules
 *   & {tracker: import('./tracker.js').TrackerRules}} Rules the numbers of the road, which livefer's Python has chosen
 * @typedef {{livefer_page: number, version: string, schema: string, models: ModelCard[],
 *   detector: import('./detector.js').DetectorCard, rules: Rules, sizes: Record<string, number>}} Card
 *   livefer.json; sizes: of its other files in bytes, by path
 * @typedef {{name: string, models: string[], version: string, schema: string, classes: string[],
 *   colours: Record<string, string>, detector: string, detectors: string[], uncertain_below: number,
 *   prior: number, sha256: string, rules: Rules}} Model
 *   a model as GET /v1/model describes it, and what profiles need
 * @typedef {{crops: import('./views.js').Crops, raw: Float32Array[], cams: Float32Array[] | null,
 *   mapSize: [number, number], squares: Box[]}} Answers of the network, for each face; cams: of all classes;
 *   squares: what the plain view shows
 */

const FORMAT = 1; // of livefer.json

export class Recognizer {
  /**
   * Load livefer.json, the detector and a model from a folder that `livefer page` wrote.
   * @param {string | URL | Folder} from the folder's address, or the folder with files that it has loaded
   * @param {{model?: string, onProgress?: OnProgress, ort?: Ort}} [options]
   *   model: a name, by default the first one; ort: onnxruntime-web, by default that of the folder
   * @returns {Promise<Recognizer>}
   */
  static async load(from, {model, onProgress, ort} = {}) {
    const folder = from instanceof Folder ? from : new Folder(from);
    folder.onProgress = onProgress ?? folder.onProgress;
    /** @type {Card} */
    const card = await folder.json('livefer.json');
    if (card.livefer_page !== FORMAT) {
      throw new Error(`livefer.json has format ${card.livefer_page}, this program reads ${FORMAT}: `
        + 'take both from the same version of livefer');
    }
    const chosen = modelNamed(card, model);
    folder.expect([card.detector.file, ...filesOf(chosen), ...(ort ? [] : [WASM])], card.sizes);
    const [runtime, network, parts] = await Promise.all([
      ort ? {ort, done: () => {}} : loadOrt(folder), folder.load(card.detector.file), readModel(folder, chosen),
    ]);
    const detector = await session(runtime.ort, network, card.detector.file);
    runtime.done();
    const classifier = await classifierOf(runtime.ort, card, chosen, parts);
    folder.free();
    return new Recognizer(folder, card, runtime.ort, new Detector(detector, runtime.ort, card.detector), classifier);
  }

  /** @param {Folder} folder @param {Card} card @param {Ort} ort @param {Detector} detector @param {Classifier} classifier */
  constructor(folder, card, ort, detector, classifier) {
    this.folder = folder;
    this.card = card;
    this.ort = ort;
    this.detector = detector;
    this.classifier = classifier;
    this.classifiers = new Map([[classifier.card.name, classifier]]);
  }

  /** @returns {Model} the model in use */
  get model() {
    const {version, schema, models, detector, rules} = this.card;
    const {name, classes, colours, uncertain_below, prior, sha256} = this.classifier.card;
    return {
      name, models: models.map((one) => one.name), version, schema, classes, colours, detector: detector.name,
      detectors: [detector.name], uncertain_below, prior, sha256, rules,
    };
  }

  /**
   * Have the next pictures, of streams too, answered by another model, which is loaded if it was not yet.
   * @param {string} name @param {OnProgress} [onProgress] @returns {Promise<Model>}
   */
  async setModel(name, onProgress) {
    let classifier = this.classifiers.get(name);
    if (!classifier) {
      const chosen = modelNamed(this.card, name);
      this.folder.onProgress = onProgress ?? this.folder.onProgress;
      this.folder.expect(filesOf(chosen), this.card.sizes);
      const parts = await readModel(this.folder, chosen);
      classifier = await classifierOf(this.ort, this.card, chosen, parts);
      this.classifiers.set(name, classifier);
      this.folder.free();
    }
    this.classifier = classifier;
    return this.model;
  }

  /** @param {import('./stream.js').Options} [options] @returns {Stream} a new live stream */
  newStream(options = {}) {
    return new Stream(this, options);
  }

  /**
   * Return the faces of a still picture, from left to right.
   * @param {Picture} image @param {{heatmaps?: boolean, profile?: import('./profile.js').ProfileFile | null}} [options]
   *   profile: of the largest face's person
   * @returns {Promise<Faces>}
   */
  async faces(image, {heatmaps = false, profile = null} = {}) {
    checkPicture(image);
    const {classifier} = this;
    const judge = profile && readProfile(profile, this.card.rules.profile);
    if (judge) judge.check(this.model);
    const began = performance.now();
    const found = await this.detector.detect(image);
    found.sort((a, b) => a.box[0] - b.box[0]);
    const boxes = found.map((face) => face.box);
    const timings = {detect: performance.now() - began, crop: 0, classify: 0, track: 0, total: 0};
    const answers = await this.classify(classifier, image, boxes, boxes.map(() => BOTH), heatmaps, timings);
    const mine = judge ? largest(boxes) : -1;
    const faces = found.map(({box, score}, i) => {
      const raw = answers.raw[i];
      const probabilities = judge && i === mine ? judge.judge(raw) : raw;
      return this.face(classifier, image, answers, i, {
        trackId: null, box, score, classId: argmax(probabilities), probabilities,
        plain: i === mine ? raw : null, profile: judge && i === mine ? judge.name : null,
      }, answers.cams && answers.cams[i]);
    });
    return this.reply(image, faces, boxes, timings, began);
  }

  /**
   * Cut the faces out and ask the network about them.
   * @param {Classifier} classifier @param {Picture} image @param {Box[]} boxes @param {number[][]} views of each
   * @param {boolean} heatmaps @param {{crop: number, classify: number}} timings are set
   * @returns {Promise<Answers>}
   */
  async classify(classifier, image, boxes, views, heatmaps, timings) {
    const began = performance.now();
    const size = classifier.card.input_size;
    const scale = this.card.detector.crop_scale * classifier.card.crop_scale;
    const shiftY = this.card.detector.crop_shift_y;
    const crops = cutViews(image, boxes, views, {scale, shiftY, size}, this.card.rules);
    const squares = boxes.map((box) => cropBox(box, scale, shiftY));
    const cut = performance.now();
    const {probabilities, cams, mapSize} = await classifier.predict(crops.pixels, heatmaps);
    timings.crop = cut - began;
    timings.classify = performance.now() - cut;
    const n = classifier.card.classes.length;
    let maps = null;
    if (cams) {
      const [height, width] = mapSize;
      const length = n * height * width;
      crops.views.forEach((view, i) => {
        const map = cams.subarray(i * length, (i + 1) * length);
        if (view % 2) map.set(mirror(map, width, new Float32Array(length)));
      });
      maps = viewMeans(cams, crops.ofFace, length);
    }
    return {crops, raw: viewMeans(probabilities, crops.ofFace, n), cams: maps, mapSize, squares};
  }

  /**
   * Put one face together.
   * @param {Classifier} classifier @param {Picture} image
   * @param {Answers} answers @param {number} i its row
   * @param {Omit<import('./results.js').Found, 'why' | 'sharpness' | 'brightness' | 'raw'>} found
   * @param {Float32Array | null} cams its maps of all classes
   */
  face(classifier, image, answers, i, found, cams) {
    const {quality, answers: {least_sign: leastSign}} = this.card.rules;
    const {input_size: size, uncertain_below: limit, classes} = classifier.card;
    const square = answers.squares[i];
    const {why, ...levels} = readability(answers.crops.plain[i], size, found.box, square, image, quality);
    const doubt = why ?? (found.probabilities[found.classId] < limit ? 'confidence' : null);
    const face = faceOf({...found, ...levels, why: doubt, raw: answers.raw[i]}, classes, leastSign);
    if (cams) {
      const [height, width] = answers.mapSize;
      const area = height * width;
      const cam = cams.subarray(found.classId * area, (found.classId + 1) * area);
      face.heatmap = {size, values: heatmap(cam, answers.mapSize, size)};
      face.heatmap_box = square.map(tenths);
    }
    return face;
  }

  /**
   * @param {Picture} image @param {import('./results.js').Face[]} faces @param {Box[]} boxes of them
   * @param {Record<string, number>} timings @param {number} began @returns {Faces}
   */
  reply(image, faces, boxes, timings, began) {
    const {quality} = this.card.rules;
    let hint = null;
    if (!faces.length) hint = whyNoFace(image, quality) ?? 'no face';
    else if (boxes.every((box) => tooSmall(box, quality))) hint = 'face too small';
    timings.total = performance.now() - began;
    for (const name of Object.keys(timings)) timings[name] = Math.round(100 * timings[name]) / 100;
    return {size_wh: [image.width, image.height], faces, hint, timings_ms: timings};
  }
}

/** @param {Card} card @param {string} [name] @returns {ModelCard} */
function modelNamed({models}, name = models[0].name) {
  const found = models.find((one) => one.name === name);
  if (!found) throw new Error(`there is no model "${name}" here: choose ${models.map((one) => one.name).join(' or ')}`);
  return found;
}

/** @typedef {{network: Uint8Array, externalData: {path: string, data: Uint8Array}[]}} ModelFiles */

/** @param {ModelCard} model @returns {string[]} its files */
const filesOf = (model) => [model.file, ...model.weights.map(({file}) => file)];

/** @param {Folder} folder @param {ModelCard} model @returns {Promise<ModelFiles>} */
async function readModel(folder, model) {
  const [network, ...weights] = await Promise.all(filesOf(model).map((file) => folder.load(file)));
  return {network, externalData: model.weights.map(({path}, i) => ({path, data: weights[i]}))};
}

/** @param {Ort} ort @param {Card} card @param {ModelCard} model @param {ModelFiles} files @returns {Promise<Classifier>} */
async function classifierOf(ort, {rules}, model, {network, externalData}) {
  return new Classifier(await session(ort, network, model.file, {externalData}), ort, model, rules.classifier);
}

/** @param {Ort} ort @param {Uint8Array} network @param {string} name @param {object} [options] */
async function session(ort, network, name, options) {
  try {
    return await ort.InferenceSession.create(network, options);
  } catch (error) {
    throw new Error(`${name} is not a network that this browser can run (${error})`);
  }
}
