// @ts-check
/**
 * Labels of faces: their text, a place where they hide little, and badges where there is none.
 *
 * As livefer/drawing/labels.py: from four faces on, no label lies at another face. A face without room for its
 * label gets a badge with its number, which its card has, too. Where too many have no room, all faces get badges.
 */

import {percent} from './dom.js';
import {mix, paintGlyph, readableOn} from './glyphs.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./paint.js').Rect} Rect */
/** @typedef {import('./paint.js').View} View */
/** @typedef {{face: Face, number: number, box: Rect}} Placed a face, its number, and its box on the canvas */
/**
 * @typedef {{face: Face, number: string, text: string, size: number, numberWidth: number, plate: Rect}} Mark
 *   a label, or a badge, which has no text
 */

export const MUTED = '#969696'; // for a class without a colour
const PLATE = '#141820';
const LIGHT = '#f1f3f6';
const CROWD = 4; // from so many faces on, some may have badges
const MAY_HIDE = 0.04; // share of a label over other faces up to which it stays a label
const MOST_BADGES = 0.4; // share of faces without room; above it all faces get badges
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/**
 * Paint a label or a badge for every face.
 * @param {CanvasRenderingContext2D} ctx @param {Placed[]} faces large ones first @param {View} view
 * @returns {Set<number>} the numbers of the faces with badges, for the next frame: what fits only just stays
 */
export function paintLabels(ctx, faces, view) {
  const {badged, marks} = planned(ctx, faces, view, false);
  for (const mark of marks) paintMark(ctx, mark, view);
  return badged;
}

/**
 * Return a picture that is kept, away from its cards: where faces have badges, a list below says what they mean.
 * @param {HTMLCanvasElement} canvas @param {Face[]} faces @param {Set<number>} badged @param {View} view
 * @returns {HTMLCanvasElement}
 */
export function withList(canvas, faces, badged, view) {
  const size = 13 * view.unit;
  const list = document.createElement('canvas');
  const ctx = /** @type {CanvasRenderingContext2D} */ (list.getContext('2d'));
  const entries = faces.map((face, i) => ({face, own: face.track_id ?? i + 1})).filter(({own}) => badged.has(own));
  if (!entries.length) return canvas;
  const write = () => {
    ctx.font = `600 ${size}px ${FONT}`;
    ctx.textBaseline = 'middle';
  };
  const numberOf = (/** @type {typeof entries[0]} */ {face, own}) => `${face.track_id === null ? '' : '#'}${own}`;
  write();
  const numberW = Math.max(...entries.map((one) => ctx.measureText(numberOf(one)).width)) + 0.9 * size;
  const textW = Math.max(...entries.map(({face}) => ctx.measureText(answerOf(face)).width));
  const columnW = numberW + textW + 2 * size;
  const nColumns = Math.max(1, Math.floor((canvas.width - size) / columnW));
  list.width = canvas.width;
  list.height = canvas.height + Math.round((Math.ceil(entries.length / nColumns) * 2 + 1) * size);
  ctx.fillStyle = PLATE;
  ctx.fillRect(0, 0, list.width, list.height);
  ctx.drawImage(canvas, 0, 0);
  entries.forEach((one, i) => {
    const x = size + (i % nColumns) * columnW;
    const y = canvas.height + (0.75 + 2 * Math.floor(i / nColumns)) * size;
    const plate = {x, y, w: numberW, h: 1.5 * size};
    paintMark(ctx, {face: one.face, number: numberOf(one), text: '', size, numberWidth: 0, plate}, view);
    write();
    ctx.fillStyle = LIGHT;
    ctx.fillText(answerOf(one.face), x + numberW + 0.5 * size, y + 0.79 * size);
  });
  return list;
}

/** @param {Face} face @returns {string} */
const answerOf = (face) => `${face.answer} ${percent(face.confidence)}`;

/**
 * @param {CanvasRenderingContext2D} ctx @param {Placed[]} faces @param {View} view
 * @param {boolean} isCrowd all get badges @returns {{badged: Set<number>, marks: Mark[]}}
 */
function planned(ctx, faces, view, isCrowd) {
  const badged = /** @type {Set<number>} */ (new Set());
  /** @type {Mark[]} */
  const marks = [];
  /** @type {Rect[]} */
  const taken = [];
  faces.forEach((placed, i) => {
    const others = faces.filter((_, k) => k !== i).map((one) => one.box);
    let mark = markOf(ctx, placed, false, others, taken, view);
    const spare = view.badged.has(placed.number) ? 0.5 * mark.size : 0;
    if (isCrowd || (faces.length >= CROWD && !hasRoom(mark.plate, others, taken, spare))) {
      badged.add(placed.number);
      mark = markOf(ctx, placed, true, others, taken, view);
    }
    marks.push(mark);
    taken.push(mark.plate);
  });
  if (!isCrowd && badged.size > MOST_BADGES * faces.length) return planned(ctx, faces, view, true);
  return {badged, marks};
}

/**
 * @param {Rect} plate @param {Rect[]} others boxes of other faces @param {Rect[]} taken
 * @param {number} spare room around it that a badge needs to become a label again
 * @returns {boolean} whether a label hides no other face and no plate
 */
function hasRoom({x, y, w, h}, others, taken, spare) {
  const grown = {x: x - spare, y: y - spare, w: w + 2 * spare, h: h + 2 * spare};
  return covered({x, y, w, h}, taken) === 0 && covered(grown, others) <= (spare ? 0 : MAY_HIDE);
}

/** @returns {Mark} the text of a face, its size, and its place */
function markOf(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Placed} */ {face, number: own, box},
  /** @type {boolean} */ isBadge, /** @type {Rect[]} */ others, /** @type {Rect[]} */ taken, /** @type {View} */ view,
) {
  const size = view.unit * Math.max(isBadge ? 9 : 11, Math.min(15, (0.13 * box.w) / view.unit));
  const hash = face.track_id === null ? '' : '#';
  const number = hash || isBadge ? `${hash}${own}` : '';
  const text = isBadge ? '' : answerOf(face);
  ctx.font = `600 ${size}px ${FONT}`;
  const numberWidth = ctx.measureText(number).width + (number && text ? 0.4 * size : 0);
  const w = numberWidth + (isBadge ? 0.9 * size : 2.74 * size + ctx.measureText(text).width);
  const h = (isBadge ? 1.5 : 1.85) * size;
  const plate = freePlate(Math.max(w, h), h, (isBadge ? 1 : 3) * view.unit, box, others, taken, view.rect);
  return {face, number, text, size, numberWidth, plate};
}

function paintMark(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {Mark} */ {face, number, text, size, numberWidth, plate},
  /** @type {View} */ view,
) {
  const {x, y, w, h} = plate;
  const colour = view.colours[face.label] ?? MUTED;
  const middle = y + h / 2 + 0.04 * size;
  ctx.save();
  ctx.font = `600 ${size}px ${FONT}`;
  ctx.textBaseline = 'middle';
  ctx.globalAlpha = face.uncertain ? 0.86 : 1;
  ctx.fillStyle = face.uncertain ? PLATE : colour;
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, 0.5 * h);
  ctx.fill();
  ctx.globalAlpha = 1;
  const ink = face.uncertain ? LIGHT : readableOn(colour);
  if (!text) {
    ctx.fillStyle = ink;
    ctx.textAlign = 'center';
    ctx.fillText(number, x + w / 2, middle);
    ctx.restore();
    return;
  }
  const glyph = 1.35 * size;
  const disc = face.uncertain ? mix(colour, MUTED, 0.5) : mix(colour, '#ffffff', 0.35);
  paintGlyph(ctx, face.label, x + 0.27 * size, y + (h - glyph) / 2, glyph, disc, '#10141b');
  ctx.fillStyle = ink;
  const start = x + 2 * size;
  ctx.globalAlpha = 0.72;
  ctx.fillText(number, start, middle);
  ctx.globalAlpha = 1;
  ctx.fillText(text, start + numberWidth, middle);
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
    [right - w, bottom + gap], [box.x + gap, box.y + gap], [box.x + gap, bottom - h - gap],
    [right + gap, box.y], [box.x - w - gap, box.y],
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
