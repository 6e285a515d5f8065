// @ts-check
/** Motion in pictures: a face found again by template matching, and blocks that have changed. As livefer/tracking/motion.py. */

import {sideOf} from './boxes.js';
import {cropFace} from './crops.js';
import {meanAndDeviation, rounded, shrink, toGray} from './pictures.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./pictures.js').Picture} Picture */
/**
 * @typedef {{template_px: number, window_px: number, min_correlation: number, min_contrast: number,
 *   block_px: number, change: number}} MotionRules
 * @typedef {{motion: MotionRules, crops: import('./crops.js').CropRules}} Rules
 */

/** @param {Picture} image @param {Box} box @param {Rules} rules @returns {Uint8Array} a face in gray, template_px² */
export function templateOf(image, box, rules) {
  return cropFace(image, box, rules.motion.template_px, rules.crops);
}

/**
 * Return the box where the picture matches a face best, or null without a good match.
 * @param {Picture} image @param {Box} box where the face was @param {Uint8Array} template of an earlier picture
 * @param {Rules} rules @returns {Box | null}
 */
export function matchTemplate(image, box, template, rules) {
  const {template_px: small, window_px: large, min_correlation: least, min_contrast: contrast} = rules.motion;
  if (meanAndDeviation(template)[1] < contrast) return null; // a flat template matches everything
  const window = cropFace(image, box, large, rules.crops, large / small);
  const values = correlations(window, large, template, small);
  const size = large - small + 1;
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  if (!(values[best] >= least)) return null;
  const [row, column] = [Math.floor(best / size), best % size];
  const scale = Math.max(sideOf(box), 1) / small;
  const middle = (large - small) >> 1;
  const x = (peak(values, best, 1, column, size) - middle) * scale;
  const y = (peak(values, best, size, row, size) - middle) * scale;
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

/**
 * Return the normalised correlation of a template with each place of a window: TM_CCOEFF_NORMED.
 * @param {Uint8Array} window @param {number} large its side @param {Uint8Array} template @param {number} small its side
 * @returns {Float32Array} (large - small + 1)²
 */
export function correlations(window, large, template, small) {
  const size = large - small + 1;
  const area = small * small;
  const [mean, deviation] = meanAndDeviation(template);
  const norm = deviation * Math.sqrt(area);
  const [sums, squares] = [boxSums(window, large, small, (v) => v), boxSums(window, large, small, (v) => v * v)];
  const result = new Float32Array(size * size);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      let product = 0;
      for (let j = 0, a = 0; j < small; j += 1) {
        const row = (y + j) * large + x;
        for (let i = 0; i < small; i += 1, a += 1) product += template[a] * window[row + i];
      }
      const at = y * size + x;
      const top = product - mean * sums[at];
      const bottom = norm * Math.sqrt(Math.max(squares[at] - (sums[at] * sums[at]) / area, 0));
      // As OpenCV: what is hardly above one is one, and where the window is flat nothing matches.
      if (Math.abs(top) < bottom) result[at] = top / bottom;
      else result[at] = Math.abs(top) < 1.125 * bottom ? Math.sign(top) : 0;
    }
  }
  return result;
}

/**
 * Return the sums of a function of the values in each small square of a large one.
 * @param {Uint8Array} values @param {number} large @param {number} small @param {(value: number) => number} of
 * @returns {Float64Array} (large - small + 1)²
 */
function boxSums(values, large, small, of) {
  const size = large - small + 1;
  const across = new Float64Array(large * size);
  for (let y = 0; y < large; y += 1) {
    let sum = 0;
    for (let x = 0; x < large; x += 1) {
      sum += of(values[y * large + x]);
      if (x >= small) sum -= of(values[y * large + x - small]);
      if (x >= small - 1) across[y * size + x - small + 1] = sum;
    }
  }
  const result = new Float64Array(size * size);
  for (let x = 0; x < size; x += 1) {
    let sum = 0;
    for (let y = 0; y < large; y += 1) {
      sum += across[y * size + x];
      if (y >= small) sum -= across[(y - small) * size + x];
      if (y >= small - 1) result[(y - small + 1) * size + x] = sum;
    }
  }
  return result;
}

/**
 * Return the place of a maximum along a line, to a fraction: the vertex of a parabola.
 * @param {Float32Array} values @param {number} best its index @param {number} step to the next value of the line
 * @param {number} place in the line @param {number} length of the line @returns {number}
 */
function peak(values, best, step, place, length) {
  if (place === 0 || place === length - 1) return place;
  const [before, after] = [values[best - step], values[best + step]];
  const bend = before - 2 * values[best] + after;
  return place + (bend < 0 ? (0.5 * (before - after)) / bend : 0);
}

/** @param {Picture} image @param {MotionRules} rules @returns {Uint8Array} the means of its blocks */
export function blockMeans(image, {block_px: side}) {
  const width = Math.max(1, rounded(image.width / side));
  const height = Math.max(1, rounded(image.height / side));
  return shrink(toGray(image), 1, 1, width, height);
}

/**
 * Say whether a block has changed otherwise than the light as a whole.
 * @param {Uint8Array} before @param {Uint8Array} now of pictures of one size @param {MotionRules} rules
 */
export function hasChanged(before, now, {change}) {
  const changes = Int16Array.from(now, (value, i) => value - before[i]);
  const sorted = Int16Array.from(changes).sort();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return changes.some((value) => Math.abs(value - median) > change);
}
