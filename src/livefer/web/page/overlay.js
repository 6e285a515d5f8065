// @ts-check
/** The canvas on the video: boxes and labels of the faces, and the snapshot. */

import {withList} from './labels.js';
import {contain, paintFaces} from './paint.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./paint.js').Rect} Rect */
/** @typedef {import('./paint.js').View} View */

const EASE_MS = 45; // boxes glide to their new place: at 10 results a second they would jump

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {HTMLVideoElement} video */
  constructor(canvas, video) {
    this.canvas = canvas;
    this.video = video;
    this.mirror = false;
    this.colours = /** @type {Record<string, string>} */ ({});
    /** @type {Face[]} */
    this.faces = [];
    this.size = /** @type {[number, number]} */ ([1, 1]);
    /** @type {Map<number | null, number[]>} the box that is drawn of each track */
    this.shown = new Map();
    /** @type {Set<number>} */
    this.badged = new Set(); // tracks with badges
    this.drawnAt = 0;
    this.waiting = false;
    new ResizeObserver(() => this.draw(performance.now())).observe(canvas);
    video.addEventListener('resize', () => this.later());
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  /** Give the canvas the pixels of the screen. */
  fit() {
    const {width, height} = this.canvas.getBoundingClientRect();
    const [w, h] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
  }

  /** @param {Face[]} faces @param {[number, number]} size of the picture they were found in */
  show(faces, size) {
    const sameSize = size[0] === this.size[0] && size[1] === this.size[1];
    const known = sameSize && !this.calm.matches ? this.shown : new Map();
    this.shown = new Map(faces.map((face) => [face.track_id, known.get(face.track_id) ?? face.box]));
    this.faces = faces;
    this.size = size;
    this.later();
  }

  clear() {
    this.show([], this.size);
  }

  /** Draw with the next picture of the screen. */
  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      if (this.glide(now)) this.later();
      this.draw(now);
    });
  }

  /** Move each box on. @param {number} now @returns {boolean} whether one has not arrived */
  glide(now) {
    const step = 1 - Math.exp(-Math.min(100, now - this.drawnAt) / EASE_MS);
    this.drawnAt = now;
    let moving = false;
    for (const face of this.faces) {
      const from = this.shown.get(face.track_id) ?? face.box;
      const far = Math.max(...face.box.map((v, i) => Math.abs(v - from[i])));
      const next = far < 0.25 ? face.box : from.map((v, i) => v + step * (face.box[i] - v));
      moving ||= far >= 0.25;
      this.shown.set(face.track_id, next);
    }
    return moving;
  }

  /** @param {number} now */
  draw(now) {
    this.drawnAt = now;
    this.fit(); // the window may have moved to a screen of another density
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.faces.length || !this.video.videoWidth) return;
    const rect = contain(this.picture(), this.canvas.width, this.canvas.height);
    this.badged = paintFaces(ctx, this.placed(), this.view(rect, devicePixelRatio, this.badged));
  }

  /** @returns {HTMLCanvasElement} the camera's picture with its faces, in full size */
  snapshot() {
    const [w, h] = this.picture();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [w, h];
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    ctx.save();
    if (this.mirror) {
      ctx.translate(w, 0);
      ctx.scale(-1, 1);
    }
    ctx.drawImage(this.video, 0, 0, w, h);
    ctx.restore();
    const view = this.view({x: 0, y: 0, w, h}, Math.max(0.8, h / 620), new Set());
    return withList(canvas, this.faces, paintFaces(ctx, this.placed(), view), view);
  }

  /** @returns {[number, number]} width and height of the camera's picture */
  picture() {
    return [this.video.videoWidth, this.video.videoHeight];
  }

  /** @returns {Face[]} the faces with the boxes that are drawn */
  placed() {
    return this.faces.map((face) => ({...face, box: this.shown.get(face.track_id) ?? face.box}));
  }

  /** @param {Rect} rect @param {number} unit @param {Set<number>} badged @returns {View} */
  view(rect, unit, badged) {
    return {rect, size: this.size, mirror: this.mirror, unit, colours: this.colours, badged};
  }
}
