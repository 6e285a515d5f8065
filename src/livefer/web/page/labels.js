// @ts-check
/** Labels of faces: their text, a place where they hide little, and badges where there is no place. */

import {percent} from './dom.js';
import {mix, paintGlyph, readableOn} from './glyphs.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./paint.js').Rect} Rect */
/** @typedef {import('./paint.js').View} View */
/**
 * @typedef {{face: Face, box: Rect, size: number, number: string, numberWidth: number, text: string,
 *   w: number, h: number, badge: Rect, colour: string}} Label
 */

export const MUTED = '#969696'; // for a class without a colour
const PLATE = '#141820';
const LIGHT = '#f1f3f6';
const MAY_HIDE = 0.15; // share of a label's plate that may cover other faces
const MOST_BADGES = 0.4; // share of faces without room for a label; above it all faces get badges
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** @returns {Label} the text of a face, and the sizes of its plate and its badge */
export function labelOf(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Face} */ face, /** @type {Rect} */ box,
  /** @type {View} */ view,
) {
  const size = view.unit * Math.max(11, Math.min(15, (0.13 * box.w) / view.unit));
  const number = face.track_id === null ? '' : `#${face.track_id}`;
  const text = `${face.answer} ${percent(face.confidence)}`;
  ctx.font = `600 ${size}px ${FONT}`;
  const numberWidth = number ? ctx.measureText(number).width + 0.4 * size : 0;
  const w = 2.74 * size + numberWidth + ctx.measureText(text).width;
  const side = view.unit * Math.max(12, Math.min(22, (0.5 * box.w) / view.unit));
  const badge = {
    x: Math.max(view.rect.x, box.x - 0.3 * side), y: Math.max(view.rect.y, box.y - 0.3 * side),
    w: side, h: side,
  };
  const colour = view.colours[face.label] ?? MUTED;
  return {face, box, size, number, numberWidth, text, w, h: 1.85 * size, badge, colour};
}

/**
 * Write each label where it hides least. In a single picture a face without room for its label gets
 * a badge; not in a stream, where labels and badges would alternate.
 */
export function paintLabels(
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
  const {face, size, number, numberWidth, text, colour} = label;
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
  if (number) ctx.fillText(number, start, y + h / 2 + 0.04 * size);
  ctx.globalAlpha = 1;
  ctx.fillText(text, start + numberWidth, y + h / 2 + 0.04 * size);
  ctx.restore();
}

/** Draw the glyph of a face on a corner of its box; a question mark if it is uncertain. */
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

/** @returns {Rect} the place at a box, inside the picture, where a plate hides least */
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

/** @param {Rect} plate @param {Rect[]} rects @returns {number} the share of the plate that they cover */
function covered(plate, rects) {
  const shared = (/** @type {Rect} */ r) => (
    Math.max(0, Math.min(plate.x + plate.w, r.x + r.w) - Math.max(plate.x, r.x))
    * Math.max(0, Math.min(plate.y + plate.h, r.y + r.h) - Math.max(plate.y, r.y)));
  return rects.reduce((sum, r) => sum + shared(r), 0) / (plate.w * plate.h);
}

