// @ts-check
/** Faces cut out of a picture, gray: everything the network sees comes from here. As livefer/faces/crops.py. */

import {cropBox} from './boxes.js';
import {blocksOf, grayPart, sampleSquare} from './pictures.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./pictures.js').Picture} Picture */
/** @typedef {{max_samples: number}} CropRules */

/**
 * Cut the square of a face, gray and resampled to size×size.
 *
 * A face that shrinks is sampled about once a source pixel and each k×k samples are averaged; one that
 * grows is interpolated. Outside the picture its border pixels continue.
 * @param {Picture} image @param {Box} box @param {number} size @param {CropRules} rules
 * @param {number} [scale] @param {number} [shiftY] as of cropBox @returns {Uint8Array}
 */
export function cropFace(image, box, size, rules, scale = 1, shiftY = 0) {
  const [left, top, right, bottom] = cropBox(box, scale, shiftY);
  const side = right - left;
  const [x0, x1] = span(left, right, image.width);
  const [y0, y1] = span(top, bottom, image.height);
  // With thousands of source pixels for one of the crop, some of them are enough.
  const stride = Math.max(1, Math.floor(side / (size * rules.max_samples)));
  const part = grayPart(image, x0, y0, x1, y1, stride);
  const k = Math.max(1, Math.ceil(side / stride / size - 0.1));
  const step = side / (size * k);
  const x = (left + 0.5 * step - 0.5 - x0) / stride;
  const y = (top + 0.5 * step - 0.5 - y0) / stride;
  return blocksOf(sampleSquare(part, x, y, step / stride, size * k), k);
}

/**
 * Return the pixels that an interval needs, at least one, and a neighbour to interpolate.
 * @param {number} low @param {number} high @param {number} length @returns {[number, number]}
 */
function span(low, high, length) {
  const within = (/** @type {number} */ place) => Math.min(Math.max(place, 0), length);
  const first = Math.min(Math.max(Math.floor(within(low)) - 1, 0), length - 1);
  return [first, Math.min(Math.max(Math.ceil(within(high)) + 1, first + 1), length)];
}
