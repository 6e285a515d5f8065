// @ts-check
/**
 * The views of a face: some positions, each plain and mirrored. As livefer/faces/views.py.
 *
 * A view is a number: an even one is plain, and the next one its mirror image.
 */

import {sideOf} from './boxes.js';
import {cropFace} from './crops.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./pictures.js').Picture} Picture */
/** @typedef {{shifts: [number, number][]}} ViewRules right and down, in sides of the face */
/** @typedef {{scale: number, shiftY: number, size: number}} Cut what is cut for a box */
/**
 * @typedef {{pixels: Uint8Array, views: number[], ofFace: number[], plain: Uint8Array[]}} Crops
 *   pixels: the network's input, each S×S; views, ofFace: of each of these; plain: the first view of each
 *   face, not mirrored
 */

export const BOTH = [0, 1];

/**
 * Return the views of a face in frame `number` since it appeared: all in the first one, then one in turn.
 * @param {number} number @param {ViewRules} rules @returns {number[]}
 */
export function viewsOf(number, rules) {
  const n = 2 * rules.shifts.length;
  return number === 0 ? Array.from({length: n}, (_, i) => i) : [number % n];
}

/**
 * Cut the views of each face out of a picture.
 * @param {Picture} image @param {Box[]} boxes @param {number[][]} views of each face, at least one
 * @param {Cut} cut @param {{crops: import('./crops.js').CropRules, views: ViewRules}} rules @returns {Crops}
 */
export function cutViews(image, boxes, views, {scale, shiftY, size}, rules) {
  const area = size * size;
  const numbers = views.flat();
  const pixels = new Uint8Array(numbers.length * area);
  /** @type {Uint8Array[]} */
  const plain = [];
  /** @type {number[]} */
  const ofFace = [];
  boxes.forEach((box, face) => {
    /** @type {Map<number, Uint8Array>} a view and its mirror image are cut once */
    const cut = new Map();
    for (const view of views[face]) {
      const place = view >> 1;
      const crop = cut.get(place) ?? cropFace(image, shifted(box, rules.views.shifts[place]), size, rules.crops, scale, shiftY);
      cut.set(place, crop);
      const to = pixels.subarray(area * ofFace.length, area * (ofFace.length + 1));
      if (view % 2) mirror(crop, size, to);
      else to.set(crop);
      if (plain.length === face) plain.push(crop);
      ofFace.push(face);
    }
  });
  return {pixels, views: numbers, ofFace, plain};
}

/** @param {Box} box @param {[number, number]} shift in its sides @returns {Box} */
function shifted(box, [right, down]) {
  const side = sideOf(box);
  const [x, y] = [right * side, down * side];
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

/**
 * Flip a picture left to right.
 * @template {Uint8Array | Float32Array} T
 * @param {T} from @param {number} width @param {T} to @returns {T} to
 */
export function mirror(from, width, to) {
  for (let row = 0; row < from.length; row += width) {
    for (let x = 0; x < width; x += 1) to[row + x] = from[row + width - 1 - x];
  }
  return to;
}

/**
 * Return the means over the views of each face, of rows of `length` numbers.
 * @param {Float32Array} values a row for each view @param {number[]} ofFace @param {number} length
 * @returns {Float32Array[]} a row for each face
 */
export function viewMeans(values, ofFace, length) {
  /** @type {Float32Array[]} */
  const sums = [];
  /** @type {number[]} */
  const counts = [];
  ofFace.forEach((face, i) => {
    if (face === sums.length) {
      sums.push(new Float32Array(length));
      counts.push(0);
    }
    for (let j = 0; j < length; j += 1) sums[face][j] += values[i * length + j];
    counts[face] += 1;
  });
  return sums.map((sum, face) => sum.map((value) => value / counts[face]));
}
