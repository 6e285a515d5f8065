// @ts-check
/** Whether a picture can show a face, and whether a face can be read. As livefer/faces/quality.py. */

import {blurred, meanAndDeviation, shrink} from './pictures.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./pictures.js').Picture} Picture */
/**
 * @typedef {{min_face_px: number, min_sharpness: number, max_outside: number, max_dark_mean: number,
 *   max_dark_deviation: number, max_dark: number, min_bright: number, flat: number, thumb_wh: [number, number],
 *   thumb_samples: number, min_contrast: number, too_dark: string, too_bright: string, blank: string, small: string, cut_off: string,
 *   dark: string, blurred: string}} QualityRules
 * @typedef {{why: string | null, sharpness: number, brightness: number}} Readability why: one of the rules'
 *   reasons, null for a face that can be read; brightness: mean gray level
 */

/** @param {Picture} image @param {QualityRules} rules @returns {string | null} why no face could be found */
export function whyNoFace(image, rules) {
  const thumb = thumbnail(image, rules);
  const sorted = Float32Array.from(thumb).sort();
  if (percentile(sorted, 0.95) < rules.max_dark) return rules.too_dark;
  if (percentile(sorted, 0.05) > rules.min_bright) return rules.too_bright;
  return meanAndDeviation(thumb)[1] < rules.flat ? rules.blank : null;
}

/** @param {Picture} image @param {QualityRules} rules @returns {Float32Array} the means of its three colours */
function thumbnail(image, {thumb_wh: [width, height], thumb_samples: samples}) {
  const step = Math.max(1, Math.min(
    Math.floor(image.height / (samples * height)), Math.floor(image.width / (samples * width))));
  const first = step >> 1;
  const columns = Math.ceil((image.width - first) / step);
  const rows = Math.ceil((image.height - first) / step);
  const some = new Uint8Array(3 * columns * rows);
  for (let y = 0, to = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1, to += 3) {
      const at = 4 * ((first + y * step) * image.width + first + x * step);
      for (let c = 0; c < 3; c += 1) some[to + c] = image.data[at + c];
    }
  }
  const small = shrink({data: some, width: columns, height: rows}, 3, 3, width, height);
  return Float32Array.from({length: width * height}, (_, i) => (small[3 * i] + small[3 * i + 1] + small[3 * i + 2]) / 3);
}

/** @param {Float32Array} sorted @param {number} share @returns {number} with linear interpolation, as NumPy's */
function percentile(sorted, share) {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** @param {Box} box @param {QualityRules} rules @returns {boolean} */
export function tooSmall([left, top, right, bottom], rules) {
  return Math.min(right - left, bottom - top) < rules.min_face_px;
}

/**
 * Return how well a face can be read.
 * @param {Uint8Array} face S×S gray @param {number} size S @param {Box} box of the detector
 * @param {Box} square of cropBox @param {Picture} image @param {QualityRules} rules @returns {Readability}
 */
export function readability(face, size, box, square, image, rules) {
  const [brightness, deviation] = meanAndDeviation(face);
  const sharp = sharpness(face, size, rules);
  let why = null;
  if (tooSmall(box, rules)) why = rules.small;
  else if (shareOutside(square, image.width, image.height) > rules.max_outside) why = rules.cut_off;
  else if (brightness < rules.max_dark_mean && deviation < rules.max_dark_deviation) why = rules.dark;
  else if (sharp < rules.min_sharpness) why = rules.blurred;
  return {why, sharpness: sharp, brightness};
}

/**
 * Return the contrast of a face's finest detail over the coarse.
 * @param {Uint8Array} face @param {number} size @param {QualityRules} rules @returns {number}
 */
export function sharpness(face, size, rules) {
  const gray = Float32Array.from(face);
  const sigma = size / 48;
  const fine = blurred(gray, size, sigma);
  const detail = meanAndDeviation(gray.map((value, i) => value - fine[i]))[1];
  const coarse = meanAndDeviation(blurred(gray, size, 2 * sigma))[1];
  return detail / Math.max(coarse, rules.min_contrast);
}

/** @param {Box} square @param {number} width @param {number} height @returns {number} 0 to 1 */
export function shareOutside([left, top, right, bottom], width, height) {
  const across = Math.max(Math.min(right, width) - Math.max(left, 0), 0);
  const down = Math.max(Math.min(bottom, height) - Math.max(top, 0), 0);
  return Math.min(Math.max(1 - (across * down) / ((right - left) * (bottom - top)), 0), 1);
}
