// @ts-check
/** What is drawn on a picture: heat maps, frames, labels; and the canvas that lies on the video. */

import {mix, paintGlyph, readableOn} from './glyphs.js';

/** @typedef {import('./server.js').Face} Face */
/** @typedef {{x: number, y: number, w: number, h: number}} Rect */
/**
 * @typedef {{rect: Rect, size: [number, number], mirror: boolean, unit: number,
 *   colours: Record<string, string>, still: boolean}} View  where the picture lies, what size its
 *   faces are given in, how many pixels of the canvas make one of the text's, and whether it is a
 *   picture by itself
 */
/**
 * @typedef {{face: Face, box: Rect, size: number, who: string, whoWidth: number, text: string,
 *   w: number, h: number, badge: Rect, colour: string}} Label
 */

const PLATE = '#141820';
const MUTED = '#969696';
const MAY_HIDE = 0.15; // of a label's plate that may lie over other faces
const MOST_BADGES = 0.4; // of the faces; where more have no room for a label, nobody has one
const LIGHT = '#f1f3f6';
const EASE_MS = 45; // a box glides to where it was found last: 10 results a second look like jumps
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** @param {number} share 0–1 */
export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

/** @param {[number, number]} size @param {number} w @param {number} h @returns {Rect} */
export function contain([width, height], w, h) {
  const scale = Math.min(w / width, h / height) || 0;
  return {x: (w - width * scale) / 2, y: (h - height * scale) / 2, w: width * scale, h: height * scale};
}

/** Draw every face: the large ones first, labels last so that no frame covers one. */
export function paintFaces(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face[]} */ faces, /** @type {View} */ view,
) {
  const area = (/** @type {Face} */ f) => (f.box[2] - f.box[0]) * (f.box[3] - f.box[1]);
  const sorted = [...faces].sort((a, b) => area(b) - area(a));
  for (const face of sorted) if (face.heat) paintHeat(ctx, face, view);
  for (const face of sorted) paintBox(ctx, face, view);
  paintLabels(ctx, sorted.map((face) => labelOf(ctx, face, view)), view);
}

/** @param {number[]} box @param {View} view @returns {Rect} */
function place([left, top, right, bottom], {rect, size, mirror}) {
  const [sx, sy] = [rect.w / size[0], rect.h / size[1]];
  const x = mirror ? size[0] - right : left;
  return {x: rect.x + x * sx, y: rect.y + top * sy, w: (right - left) * sx, h: (bottom - top) * sy};
}

function paintHeat(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face} */ face, /** @type {View} */ view,
) {
  const {x, y, w, h} = place(face.heatmap_box ?? face.box, view);
  ctx.save();
  ctx.beginPath();
  ctx.rect(view.rect.x, view.rect.y, view.rect.w, view.rect.h);
  ctx.clip();
  ctx.imageSmoothingQuality = 'high';
  if (view.mirror) {
    ctx.translate(2 * x + w, 0);
    ctx.scale(-1, 1);
  }
  ctx.drawImage(/** @type {HTMLCanvasElement} */ (face.heat), x, y, w, h);
  ctx.restore();
}

function paintBox(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face} */ face, /** @type {View} */ view,
) {
  const {x, y, w, h} = place(face.box, view);
  const {unit} = view;
  const colour = view.colours[face.label] ?? MUTED;
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, Math.min(14 * unit, 0.12 * w));
  ctx.lineCap = 'round';
  if (face.uncertain) ctx.setLineDash([2 * unit, 7 * unit]);
  ctx.strokeStyle = 'rgb(0 0 0 / 0.58)'; // sets it off from a background of its own colour
  ctx.lineWidth = 5 * unit;
  ctx.stroke();
  ctx.strokeStyle = face.uncertain ? mix(colour, '#d0d0d0', 0.7) : colour;
  ctx.lineWidth = 3 * unit;
  ctx.stroke();
  ctx.restore();
}

/** @returns {Label} what is written at a face, and how large its plate and its badge are */
function labelOf(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face} */ face, /** @type {View} */ view,
) {
  const box = place(face.box, view);
  const size = view.unit * Math.max(11, Math.min(15, (0.13 * box.w) / view.unit));
  const who = face.track_id === null ? '' : `#${face.track_id}`;
  const text = `${face.answer} ${percent(face.confidence)}`;
  ctx.font = `600 ${size}px ${FONT}`;
  const whoWidth = who ? ctx.measureText(who).width + 0.4 * size : 0;
  const w = 2.74 * size + whoWidth + ctx.measureText(text).width;
  const side = view.unit * Math.max(12, Math.min(22, (0.5 * box.w) / view.unit));
  const badge = {
    x: Math.max(view.rect.x, box.x - 0.3 * side), y: Math.max(view.rect.y, box.y - 0.3 * side),
    w: side, h: side,
  };
  const colour = view.colours[face.label] ?? MUTED;
  return {face, box, size, who, whoWidth, text, w, h: 1.85 * size, badge, colour};
}

/**
 * Write each label where it hides least. In a picture where it would hide others, a badge is all
 * there is; in moving ones, badges and labels would come and go.
 */
function paintLabels(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Label[]} */ labels, /** @type {View} */ view,
) {
  const gap = 3 * view.unit;
  const others = labels.map((label) => labels.filter((one) => one !== label).map((one) => one.box));
  const find = (/** @type {number} */ i, /** @type {Rect[]} */ taken) => (
    freePlate(labels[i].w, labels[i].h, gap, labels[i].box, others[i], taken, view.rect));
  /** @type {Rect[]} */
  const tried = [];
  const room = labels.map((label, i) => {
    const plate = find(i, tried);
    const has = !view.still
      || (covered(plate, tried) === 0 && covered(plate, others[i]) <= MAY_HIDE);
    tried.push(has ? plate : label.badge);
    return has;
  });
  const isCrowd = room.filter((has) => !has).length > MOST_BADGES * labels.length;
  const badges = labels.filter((_, i) => isCrowd || !room[i]);
  const taken = badges.map((label) => label.badge);
  labels.forEach((label, i) => {
    if (badges.includes(label)) return;
    const plate = find(i, taken);
    taken.push(plate);
    paintLabel(ctx, label, plate);
  });
  for (const label of badges) paintBadge(ctx, label);
}

function paintLabel(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Label} */ label, /** @type {Rect} */ plate,
) {
  const {face, size, who, whoWidth, text, colour} = label;
  const {x, y, w, h} = plate;
  const glyph = 1.35 * size;
  ctx.save();
  ctx.font = `600 ${size}px ${FONT}`;
  ctx.textBaseline = 'middle';
  ctx.globalAlpha = face.uncertain ? 0.86 : 1;
  ctx.fillStyle = face.uncertain ? PLATE : colour;
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, 0.5 * h);
  ctx.fill();
  ctx.globalAlpha = 1;
  const disc = face.uncertain ? mix(colour, MUTED, 0.5) : mix(colour, '#ffffff', 0.35);
  paintGlyph(ctx, face.label, x + 0.27 * size, y + (h - glyph) / 2, glyph, disc, '#10141b');
  ctx.fillStyle = face.uncertain ? LIGHT : readableOn(colour);
  const start = x + 2 * size;
  ctx.globalAlpha = 0.72;
  if (who) ctx.fillText(who, start, y + h / 2 + 0.04 * size);
  ctx.globalAlpha = 1;
  ctx.fillText(text, start + whoWidth, y + h / 2 + 0.04 * size);
  ctx.restore();
}

/** Draw what a face shows on a corner of its box; of an uncertain one a question mark. */
function paintBadge(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Label} */ {face, badge, colour},
) {
  const {x, y, w} = badge;
  if (!face.uncertain) {
    paintGlyph(ctx, face.label, x, y, w, mix(colour, '#ffffff', 0.2), '#10141b');
    return;
  }
  ctx.save();
  ctx.beginPath();
  ctx.arc(x + w / 2, y + w / 2, w / 2, 0, 2 * Math.PI);
  ctx.fillStyle = PLATE;
  ctx.fill();
  ctx.font = `600 ${0.75 * w}px ${FONT}`;
  [ctx.textAlign, ctx.textBaseline] = ['center', 'middle'];
  ctx.fillStyle = LIGHT;
  ctx.fillText('?', x + w / 2, y + 0.54 * w);
  ctx.restore();
}

/** @returns {Rect} a place for a plate at a box, inside the picture, where it hides least */
function freePlate(
  /** @type {number} */ w, /** @type {number} */ h, /** @type {number} */ gap,
  /** @type {Rect} */ box, /** @type {Rect[]} */ others, /** @type {Rect[]} */ taken,
  /** @type {Rect} */ rect,
) {
  const [right, bottom] = [box.x + box.w, box.y + box.h];
  const tries = [
    [box.x, box.y - h - gap], [right - w, box.y - h - gap], [box.x, bottom + gap],
    [right - w, bottom + gap], [box.x + gap, box.y + gap], [right + gap, box.y],
    [box.x - w - gap, box.y],
  ];
  let [best, least] = [/** @type {Rect} */ ({x: 0, y: 0, w, h}), Infinity];
  tries.forEach(([x, y], i) => {
    const plate = {
      x: Math.max(rect.x, Math.min(x, rect.x + rect.w - w)),
      y: Math.max(rect.y, Math.min(y, rect.y + rect.h - h)),
      w, h,
    };
    const moved = Math.max(Math.abs(plate.x - x), Math.abs(plate.y - y)) / h;
    const cost = 0.02 * i + 0.3 * moved + 20 * covered(plate, taken) + 2 * covered(plate, others)
      + 0.5 * covered(plate, [box]);
    if (cost < least) [best, least] = [plate, cost];
  });
  return best;
}

/** @param {Rect} plate @param {Rect[]} rects @returns {number} the share of it that they cover */
function covered(plate, rects) {
  const shared = (/** @type {Rect} */ r) => (
    Math.max(0, Math.min(plate.x + plate.w, r.x + r.w) - Math.max(plate.x, r.x))
    * Math.max(0, Math.min(plate.y + plate.h, r.y + r.h) - Math.max(plate.y, r.y)));
  return rects.reduce((sum, r) => sum + shared(r), 0) / (plate.w * plate.h);
}

/** The canvas on the video: as many pixels as the screen has there, boxes that glide. */
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
    /** @type {Map<number | null, number[]>} where each track's box is drawn just now */
    this.shown = new Map();
    this.drawnAt = 0;
    this.waiting = false;
    new ResizeObserver(() => this.draw(performance.now())).observe(canvas);
    video.addEventListener('resize', () => this.later());
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

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

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      if (this.glide(now)) this.later();
      this.draw(now);
    });
  }

  /** @param {number} now @returns {boolean} whether a box is still on its way */
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
    this.fit(); // also after the window went to a screen of another density
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.faces.length || !this.video.videoWidth) return;
    const rect = contain(this.picture(), this.canvas.width, this.canvas.height);
    paintFaces(ctx, this.placed(), this.view(rect, devicePixelRatio, false));
  }

  /** @returns {HTMLCanvasElement} the picture of this moment with everything on it, full size */
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
    paintFaces(ctx, this.placed(), this.view({x: 0, y: 0, w, h}, Math.max(0.8, h / 620), true));
    return canvas;
  }

  /** @returns {[number, number]} */
  picture() {
    return [this.video.videoWidth, this.video.videoHeight];
  }

  /** @returns {Face[]} the faces with their boxes where they are drawn just now */
  placed() {
    return this.faces.map((face) => ({...face, box: this.shown.get(face.track_id) ?? face.box}));
  }

  /** @param {Rect} rect @param {number} unit @param {boolean} still @returns {View} */
  view(rect, unit, still) {
    return {rect, size: this.size, mirror: this.mirror, unit, colours: this.colours, still};
  }
}
