// @ts-check
/** The worker that holds the models: it answers the tasks of device.js, one after the other. */

import {makeProfile, Recognizer} from './road/livefer.js';
import {Folder, WASM} from './road/runtime.js';

/** @typedef {import('./road/recognizer.js').Model} Model */

const WARM_WH = /** @type {const} */ ([640, 480]); // of the first picture, which nobody sees
const HIDDEN = 'this browser hides pictures from pages, to protect you from being recognised: allow this page to '
  + 'use canvas data, or use another browser';

const canvas = new OffscreenCanvas(1, 1);
/** @type {Folder} */
let folder;
/** @type {Promise<Recognizer> | null} */
let loading = null;
/** @type {any} */
let stream = null;
let longSide = 0; // of the stream's frames

/** @type {Record<string, (details: any) => any>} */
const TASKS = {
  begin({url, token}) {
    let shownAt = -Infinity;
    const onProgress = (/** @type {number} */ loaded, /** @type {number} */ total) => {
      const now = performance.now();
      if (now - shownAt < 50 && loaded < total) return;
      shownAt = now;
      postMessage({progress: [loaded, total]});
    };
    folder = new Folder(url, {onProgress, headers: token ? {Authorization: `Bearer ${token}`} : {}});
  },

  /** Read the files that a model needs. */
  async prefetch({model}) {
    const {models, detector, sizes} = await TASKS.card({});
    const {file, weights} = models.find((/** @type {any} */ one) => one.name === model);
    const files = [WASM, detector.file, file, ...weights.map((/** @type {any} */ one) => one.file)];
    const modules = Object.keys(sizes).filter((path) => path.endsWith('.mjs'));
    await Promise.all([
      ...files.map((path) => folder.load(path)),
      ...modules.map((path) => import(new URL(path, folder.url).href)), // which the browser then has
    ]);
  },

  /** Return livefer.json. */
  async card() {
    return loading ? (await loading).card : folder.json('livefer.json');
  },

  /** Describe the first model, without loading it. */
  async describe() {
    const {version, models} = await TASKS.card({});
    const {name, classes, colours, uncertain_below, prior} = models[0];
    return {
      name, models: models.map((/** @type {any} */ one) => one.name), version, classes, colours, uncertain_below, prior,
    };
  },

  /** Have a model ready. */
  async load({model}) {
    return (await recognizerOf(model)).model;
  },

  async 'begin-stream'({options, longSide: given}) {
    const recognizer = await recognizerOf(options.model || (await TASKS.card({})).models[0].name);
    stream = recognizer.newStream();
    longSide = given;
    return {model: recognizer.model, inEffect: await TASKS.options({options})};
  },

  /** Set options of the stream, and answer as the server does. */
  async options({options: {model, ...options}}) {
    const recognizer = await recognizerOf(model);
    try {
      stream.setOptions(options);
      return {options: {model: recognizer.model.name, profile: stream.options.profile?.name ?? null}};
    } catch (error) { // the profile of another model
      stream.setOptions({...options, profile: null});
      return {options: {model: recognizer.model.name, profile: null}, reason: reasonOf(error)};
    }
  },

  reset() {
    stream.reset();
  },

  frame({picture, time_s: time}) {
    return stream.process(pixelsOf(picture, longSide), time);
  },

  async faces({picture, model, longSide: most}) {
    return (await recognizerOf(model)).faces(pixelsOf(picture, most), {heatmaps: true});
  },

  async profile({answers, model}) {
    return makeProfile((await recognizerOf(model)).model, answers);
  },
};

/**
 * @param {string} [model] the one to answer from now on; empty: the one in use
 * @returns {Promise<Recognizer>}
 */
async function recognizerOf(model) {
  if (!loading) {
    loading = load(model);
    loading.catch(() => {
      loading = null; // another attempt may succeed,
      folder.free(); // with other files
    });
  }
  const recognizer = await loading;
  if (model && recognizer.model.name !== model) await recognizer.setModel(model);
  return recognizer;
}

/** @param {string} [model] @returns {Promise<Recognizer>} */
async function load(model) {
  checkCanvas();
  const recognizer = await Recognizer.load(folder, {model});
  // Browsers compile a network when it runs for the first time: now, not between two frames of a face.
  const {detector, classifier} = recognizer;
  await detector.detect(new ImageData(...WARM_WH));
  await classifier.predict(new Uint8Array(classifier.card.input_size ** 2), true);
  return recognizer;
}

/** @param {ImageBitmap} picture which is closed @param {number} most of the long side @returns {ImageData} */
function pixelsOf(picture, most) {
  const scale = Math.min(1, most / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const ctx = context();
  ctx.imageSmoothingQuality = 'medium';
  ctx.drawImage(picture, 0, 0, width, height);
  picture.close();
  return ctx.getImageData(0, 0, width, height);
}

/** @returns {OffscreenCanvasRenderingContext2D} */
function context() {
  return /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext('2d', {alpha: false, willReadFrequently: true}));
}

/** Raise an Error where the browser gives a page other pixels than it has drawn. */
function checkCanvas() {
  [canvas.width, canvas.height] = [4, 4];
  const colour = [200, 100, 50];
  const ctx = context();
  ctx.fillStyle = `rgb(${colour.join(' ')})`;
  ctx.fillRect(0, 0, 4, 4);
  const {data} = ctx.getImageData(0, 0, 4, 4);
  // Some browsers change each value a little, which does no harm.
  if (data.some((value, i) => i % 4 < 3 && Math.abs(value - colour[i % 4]) > 8)) throw new Error(HIDDEN);
}

/** @param {unknown} error @returns {string} */
const reasonOf = (error) => (error instanceof Error ? error.message : String(error));

let queue = Promise.resolve();
self.onmessage = ({data: {id, task, ...details}}) => {
  // One after the other: a network runs once at a time, and replies keep the order of frames.
  queue = queue.then(() => TASKS[task](details)).then(
    (value) => postMessage({id, value}), (error) => postMessage({id, error: reasonOf(error)}));
};
