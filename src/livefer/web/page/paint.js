// @ts-check
/** Faces drawn on a picture: heat maps and boxes, and then their labels. */

import {mix} from './glyphs.js';
import {MUTED, paintLabels} from './labels.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {{x: number, y: number, w: number, h: number}} Rect */
/**
 * @typedef {{rect: Rect, size: [number, number], mirror: boolean, unit: number,
 *   colours: Record<string, string>, badged: Set<number>}} View  the place of the picture on the canvas,
 *   the size in whose pixels boxes are given, canvas pixels per pixel of text, and the numbers of the
 *   faces that had badges in the frame before
 */

/** @param {[number, number]} size @param {number} w @param {number} h @returns {Rect} */
export function contain([width, height], w, h) {
  const scale = Math.min(w / width, h / height) || 0;
  return {x: (w - width * scale) / 2, y: (h - height * scale) / 2, w: width * scale, h: height * scale};
}

/**
 * Draw every face: large ones first, and labels last, so that no box covers one.
 * @param {CanvasRenderingContext2D} ctx @param {Face[]} faces of a single picture, from left to right
 * @param {View} view @returns {Set<number>} the numbers of the faces with badges
 */
export function paintFaces(ctx, faces, view) {
  const area = (/** @type {Rect} */ {w, h}) => w * h;
  const placed = faces.map((face, i) => ({face, number: face.track_id ?? i + 1, box: place(face.box, view)}))
    .sort((a, b) => area(b.box) - area(a.box));
  for (const {face} of placed) if (face.heat) paintHeat(ctx, face, view);
  for (const {face, box} of placed) paintBox(ctx, face, box, view);
  return paintLabels(ctx, placed, view);
}

/** @param {number[]} box @param {View} view @returns {Rect} of the box on the canvas */
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
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face} */ face, /** @type {Rect} */ {x, y, w, h},
  /** @type {View} */ view,
) {
  const {unit} = view;
  const colour = view.colours[face.label] ?? MUTED;
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, Math.min(14 * unit, 0.12 * w));
  ctx.lineCap = 'round';
  if (face.uncertain) ctx.setLineDash([2 * unit, 7 * unit]);
  ctx.strokeStyle = 'rgb(0 0 0 / 0.58)'; // sets the box off from a background of its colour
  ctx.lineWidth = 5 * unit;
  ctx.stroke();
  ctx.strokeStyle = face.uncertain ? mix(colour, '#d0d0d0', 0.7) : colour;
  ctx.lineWidth = 3 * unit;
  ctx.stroke();
  ctx.restore();
}
