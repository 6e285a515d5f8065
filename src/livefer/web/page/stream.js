// @ts-check
/** The stream to the server: frames out, replies in, and reconnection. */

import {FrameEncoder} from './camera.js';
import {FULL} from './states.js';

/** @typedef {import('./engine.js').Listener} Listener */
/** @typedef {import('./engine.js').Status} Status */
/** @typedef {import('./engine.js').StreamOptions} StreamOptions */
/** @typedef {{max_bytes: number, max_pixels: number, max_fps: number, max_in_flight: number}} Limits */

export const MOST_FPS = 30; // a higher rate is not visible, and other visitors share the server
const FIRST_PAUSE_S = 0.5;
const LONGEST_PAUSE_S = 15;
const SILENCE_S = 20; // without an answer, until the connection counts as lost
const IDLE = 4408;
const REFUSED = new Set([4400, 4401, 4403]); // another attempt would be refused again
const REASONS = /** @type {Record<number, string>} */ ({
  1001: 'The server stopped.',
  4408: 'The connection was idle.',
  4413: 'A frame was larger than the server allows.',
  [FULL]: 'The server has no free place.',
  4430: 'This browser read the replies too slowly.',
});

export class Stream {
  /**
   * @param {() => URL} address is called for every connection, because the token may change
   * @param {Listener} listener
   */
  constructor(address, listener) {
    this.address = address;
    this.listener = listener;
    /** @type {Status} */
    this.status = {state: 'idle'};
    this.limits = /** @type {Limits} */ ({max_fps: 15, max_in_flight: 2, max_bytes: 1e6, max_pixels: 1e6});
    /** @type {StreamOptions} */
    this.wanted = {};
    this.encoder = new FrameEncoder();
    this.lastSentAt = -Infinity;
    this.failures = 0;
    /** @type {number[]} when each frame without a reply yet was shown, in ms */
    this.inFlight = [];
    /** @type {WebSocket | null} */
    this.socket = null;
    this.retryTimer = 0;
    this.silenceTimer = 0;
  }

  /** Connect, without waiting for the next attempt. */
  open() {
    if (this.socket) return;
    clearTimeout(this.retryTimer);
    this.set({state: 'connecting'});
    const socket = new WebSocket(this.address());
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.lost(event.code, event.reason);
    this.socket = socket;
    this.inFlight = [];
    this.expectReply();
  }

  /** Disconnect. */
  close() {
    this.drop();
    this.failures = 0;
    this.set({state: 'idle'});
  }

  /**
   * Return whether a frame may be sent now: fewer than the limit are in flight, the last one has left
   * this machine, and it is time. A tenth early is on time, because camera frames come unevenly.
   */
  ready() {
    return this.status.state === 'open'
      && !this.encoder.busy
      && this.inFlight.length < this.limits.max_in_flight
      && this.socket?.bufferedAmount === 0
      && performance.now() - this.lastSentAt >= 900 / Math.min(MOST_FPS, this.limits.max_fps);
  }

  /** @param {HTMLVideoElement} video @returns {Promise<ArrayBuffer | null>} its picture as JPEG, null if that fails */
  take(video) {
    return this.encoder.encode(video);
  }

  /** @param {ArrayBuffer} picture JPEG or WebP @param {number} shownAt ms of performance.now() @param {number} timeS */
  send(picture, shownAt, timeS) {
    if (!this.socket || this.status.state !== 'open') return;
    const message = new Uint8Array(8 + picture.byteLength);
    new DataView(message.buffer).setFloat64(0, timeS, true);
    message.set(new Uint8Array(picture), 8);
    this.socket.send(message);
    this.lastSentAt = performance.now();
    this.inFlight.push(shownAt);
    if (this.inFlight.length === 1) this.expectReply();
  }

  /** Set options of the stream, now and after each reconnection. @param {StreamOptions} options */
  setOptions(options) {
    Object.assign(this.wanted, options);
    this.sendText({type: 'options', ...options});
  }

  /** Have the next frames answered by another model. @param {string} model @returns {boolean} false: not connected */
  setModel(model) {
    this.sendText({type: 'options', model});
    return this.status.state === 'open';
  }

  /** Make the server forget all tracks. */
  reset() {
    this.sendText({type: 'reset'});
  }

  /** @param {object} message */
  sendText(message) {
    if (this.status.state === 'open') this.socket?.send(JSON.stringify(message));
  }

  /** @param {string | ArrayBuffer} data */
  receive(data) {
    if (typeof data !== 'string') return;
    const message = JSON.parse(data);
    if (message.type === 'hello') {
      this.limits = message.limits;
      this.failures = 0;
      clearTimeout(this.silenceTimer);
      this.set({state: 'open'});
      this.listener.onHello(message);
      if (Object.keys(this.wanted).length) this.sendText({type: 'options', ...this.wanted});
    } else if (message.type === 'options') {
      this.listener.onOptions(message);
    } else if (['result', 'skipped', 'error'].includes(message.type)) {
      const shownAt = this.inFlight.shift() ?? NaN;
      clearTimeout(this.silenceTimer);
      if (this.inFlight.length) this.expectReply();
      const delayMs = performance.now() - shownAt;
      if (message.type === 'result') this.encoder.adapt(delayMs - message.timings_ms.total);
      this.listener.onReply(message, delayMs);
    }
  }

  /** Count the connection as lost if the server does not answer for long. */
  expectReply() {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(
      () => this.lost(0, `The server has not answered for ${SILENCE_S} seconds.`), SILENCE_S * 1000);
  }

  /** @param {number} code @param {string} reason */
  lost(code, reason) {
    this.drop();
    if (code === IDLE) {
      this.set({state: 'idle'});
      return;
    }
    const text = reason || REASONS[code] || 'The server does not answer. Is "livefer serve" running?';
    if (REFUSED.has(code)) {
      this.set({state: 'refused', reason: text, code});
      return;
    }
    const growing = (code === FULL ? 4 : 1) * FIRST_PAUSE_S * 2 ** this.failures;
    // A fifth is random, so that many pages do not reconnect at the same moment.
    const pauseMs = 1000 * Math.min(growing, LONGEST_PAUSE_S) * (0.9 + 0.2 * Math.random());
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.open(), pauseMs);
    this.set({state: 'waiting', reason: text, code, retryAt: performance.now() + pauseMs, nFailed: this.failures});
  }

  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    if (this.socket) {
      this.socket.onclose = this.socket.onmessage = null;
      this.socket.close();
    }
    this.socket = null;
    this.inFlight = [];
  }

  /** @param {Status} status */
  set(status) {
    this.status = status;
    this.listener.onStatus(status);
  }
}
