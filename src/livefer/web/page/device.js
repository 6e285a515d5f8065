// @ts-check
/** Recognition on this device: a worker that holds the models, and the stream to it. */

import {PICTURE_PX, UNREADABLE} from './files.js';
import {FRAME_PX} from './camera.js';
import {MOST_FPS} from './stream.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./engine.js').Found} Found */
/** @typedef {import('./engine.js').Listener} Listener */
/** @typedef {import('./engine.js').Model} Model */
/** @typedef {import('./engine.js').Profile} Profile */
/** @typedef {import('./engine.js').Status} Status */
/** @typedef {import('./engine.js').StreamOptions} StreamOptions */

// One is computed, and the next one is on its way. With one alone the worker waits for each picture: on a busy
// machine 40 to 50 % fewer results, and no shorter delay (bench/page.py, in turns with this).
const MOST_IN_FLIGHT = 2;
const UNSTARTED = 'The page could not start its work: the browser is too old, or the folder of the page is not complete';

/** The worker, and its answers. */
export class Device {
  /**
   * @param {() => string} getModel the name of the chosen model; empty: the first one
   * @param {() => string} [getToken] of the server that the files come from, if any
   */
  constructor(getModel, getToken = () => '') {
    this.kind = /** @type {const} */ ('device');
    this.getModel = getModel;
    this.getToken = getToken;
    this.prefetched = ''; // the name of the model whose files are here
    /** @type {Worker | null} */
    this.worker = null;
    this.nextId = 0;
    /** @type {Map<number, {done: (value: any) => void, fail: (error: Error) => void}>} */
    this.waiting = new Map();
    this.onProgress = (/** @type {number} */ _loaded, /** @type {number} */ _total) => {};
  }

  /** @param {Listener} listener @returns {DeviceStream} */
  newStream(listener) {
    return new DeviceStream(this, listener);
  }

  /** Read a model's files, for a time when the server that has them may be gone. @param {string} model its name */
  async prefetch(model) {
    if (await this.ask('prefetch', {model}).then(() => true, () => false)) this.prefetched = model;
  }

  /** @param {string} [name] is loaded; empty: the first one, which is described @returns {Promise<Model>} */
  async fetchModel(name = '') {
    return name ? this.ask('load', {model: name}) : this.ask('describe', {});
  }

  /** @param {File} file @param {string} model @returns {Promise<Found>} */
  async fetchFaces(file, model) {
    const picture = await createImageBitmap(file).catch(() => {
      throw new Error(UNREADABLE);
    });
    return this.ask('faces', {model, picture, longSide: PICTURE_PX}, [picture]);
  }

  /** @param {Record<string, Record<string, number>[]>} answers @param {string} model @returns {Promise<Profile>} */
  async fetchProfile(answers, model) {
    return this.ask('profile', {answers, model});
  }

  /** @returns {Promise<any>} livefer.json */
  async fetchCard() {
    return this.ask('card', {});
  }

  /** @returns {string} */
  privacy() {
    return 'Nothing leaves this device: this browser does all the work, and keeps no picture.';
  }

  /**
   * Ask the worker for something.
   * @param {string} task @param {object} details @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  ask(task, details, transfer = []) {
    const worker = this.worker ??= this.start();
    const id = this.nextId += 1;
    return new Promise((done, fail) => {
      this.waiting.set(id, {done, fail});
      worker.postMessage({id, task, ...details}, transfer);
    });
  }

  /** @returns {Worker} */
  start() {
    const worker = new Worker(new URL('road-worker.js', import.meta.url), {type: 'module'});
    worker.onmessage = ({data}) => {
      if (data.progress) this.onProgress(data.progress[0], data.progress[1]);
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ('error' in data) waiting?.fail(new Error(data.error));
      else waiting?.done(data.value);
    };
    // The worker reports its errors itself: one that comes here ended it.
    worker.onerror = (event) => this.ended(event.message ? `The page's worker ended: ${event.message}` : UNSTARTED);
    worker.postMessage({id: 0, task: 'begin', url: new URL('.', document.baseURI).href, token: this.getToken()});
    return worker;
  }

  /** @param {string} reason */
  ended(reason) {
    this.worker?.terminate();
    this.worker = null;
    for (const {fail} of this.waiting.values()) fail(new Error(reason));
    this.waiting.clear();
  }
}

/** The stream of frames to the worker: the sibling of Stream in stream.js. */
export class DeviceStream {
  /** @param {Device} device @param {Listener} listener */
  constructor(device, listener) {
    this.device = device;
    this.listener = listener;
    /** @type {Status} */
    this.status = {state: 'idle'};
    /** @type {StreamOptions} */
    this.wanted = {};
    this.turn = 0; // of openings: replies for an earlier one are late
    this.number = 0;
    this.isTaking = false; // the video's picture
    this.nInFlight = 0;
    this.lastSentAt = -Infinity;
  }

  /** Load the models, if they are not there yet, and begin. */
  async open() {
    if (this.status.state === 'open' || this.status.state === 'connecting') return;
    const turn = this.turn += 1;
    this.set({state: 'connecting'});
    this.device.onProgress = (loaded, total) => {
      if (turn === this.turn && this.status.state === 'connecting') this.set({state: 'connecting', loaded, total});
    };
    try {
      const options = {...this.wanted, model: this.device.getModel()};
      const {model, inEffect} = await this.device.ask('begin-stream', {options, longSide: FRAME_PX});
      if (turn !== this.turn) return;
      this.nInFlight = 0;
      this.set({state: 'open'});
      const smoothing = this.wanted.smoothing_s ?? model.rules.smoothing.window_s;
      this.listener.onHello({...model, options: {...inEffect.options, smoothing_s: smoothing}});
      if (this.wanted.profile) this.listener.onOptions(inEffect);
    } catch (error) {
      this.failed(turn, error);
    }
  }

  close() {
    this.turn += 1;
    this.set({state: 'idle'});
  }

  /** Return whether a frame may be sent now; a tenth early is on time, because camera frames come unevenly. */
  ready() {
    return this.status.state === 'open' && this.nInFlight < MOST_IN_FLIGHT && !this.isTaking
      && performance.now() - this.lastSentAt >= 900 / MOST_FPS;
  }

  /** @param {HTMLVideoElement} video @returns {Promise<ImageBitmap | null>} */
  async take(video) {
    this.isTaking = true;
    try {
      return await createImageBitmap(video);
    } catch {
      return null; // between two videos there is no picture
    } finally {
      this.isTaking = false;
    }
  }

  /** @param {ImageBitmap} picture @param {number} shownAt @param {number} timeS */
  async send(picture, shownAt, timeS) {
    if (this.status.state !== 'open') {
      picture.close();
      return;
    }
    const {turn} = this;
    const number = this.number += 1;
    this.lastSentAt = performance.now();
    this.nInFlight += 1;
    try {
      const reply = await this.device.ask('frame', {picture, time_s: timeS}, [picture]);
      if (turn !== this.turn) return;
      this.nInFlight -= 1;
      this.listener.onReply({...reply, type: 'result', number, time_s: timeS}, performance.now() - shownAt);
    } catch (error) {
      this.failed(turn, error);
    }
  }

  /** Set options of the stream, now and after each opening. @param {StreamOptions} options */
  setOptions(options) {
    Object.assign(this.wanted, options);
    void this.sendOptions(options);
  }

  /** Have the next frames answered by another model. @param {string} model @returns {boolean} false: not open */
  setModel(model) {
    void this.sendOptions({model});
    return this.status.state === 'open';
  }

  /** @param {StreamOptions & {model?: string}} options */
  async sendOptions(options) {
    if (this.status.state !== 'open') return;
    const {turn} = this;
    try {
      const inEffect = await this.device.ask('options', {options});
      if (turn === this.turn) this.listener.onOptions(inEffect);
    } catch (error) {
      this.failed(turn, error);
    }
  }

  /** Forget all tracks. */
  reset() {
    if (this.status.state === 'open') void this.device.ask('reset', {});
  }

  /** The worker could not do something. @param {number} turn when it was asked @param {unknown} error */
  failed(turn, error) {
    if (turn === this.turn) this.set({state: 'refused', reason: reasonOf(error), code: 0});
  }

  /** @param {Status} status */
  set(status) {
    this.status = status;
    this.listener.onStatus(status);
  }
}

/** @param {unknown} error @returns {string} */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
}
