// @ts-check
/** A face as it is given to a page, with the fields of the server's replies (livefer/web/schema.py). */

/** @typedef {import('./boxes.js').Box} Box */
/**
 * @typedef {{track_id: number | null, box: number[], score: number, label: string, second_label: string,
 *   confidence: number, uncertain: boolean, answer: string, profile: string | null, why: string | null,
 *   sharpness: number, brightness: number,
 *   probabilities: Record<string, number>, raw_probabilities: Record<string, number>,
 *   plain_probabilities?: Record<string, number>,
 *   heatmap?: {size: number, values: Uint8Array}, heatmap_box?: number[]}} Face
 *   heatmap: values of size×size from 0 to 255, which cover heatmap_box
 * @typedef {{size_wh: [number, number], faces: Face[], hint: string | null,
 *   timings_ms: Record<string, number>}} Faces
 */
/**
 * @typedef {{trackId: number | null, box: Box, score: number, classId: number, why: string | null,
 *   sharpness: number, brightness: number,
 *   probabilities: ArrayLike<number>, raw: ArrayLike<number>, plain: ArrayLike<number> | null,
 *   profile: string | null}} Found
 */

/** @param {Found} found @param {string[]} classes @param {number} leastSign of an answer @returns {Face} */
export function faceOf(found, classes, leastSign) {
  const {classId, probabilities, why, plain} = found;
  const others = classes.map((_, c) => c).filter((c) => c !== classId);
  const second = classes[others.reduce((a, b) => (probabilities[b] > probabilities[a] ? b : a), others[0])];
  const label = classes[classId];
  const confidence = probabilities[classId];
  /** @type {Face} */
  const face = {
    track_id: found.trackId,
    box: found.box.map(tenths),
    score: rounded(found.score),
    label,
    second_label: second,
    confidence: rounded(confidence),
    uncertain: why !== null,
    answer: label,
    profile: found.profile,
    why,
    sharpness: rounded(found.sharpness),
    brightness: tenths(found.brightness),
    probabilities: named(classes, probabilities),
    raw_probabilities: named(classes, found.raw),
  };
  if (face.uncertain) {
    const chance = 1 / classes.length;
    const isClear = confidence > chance + leastSign * (1 - chance);
    face.answer = isClear ? `${label} or ${second}?` : 'unclear';
  }
  if (plain) face.plain_probabilities = named(classes, plain);
  return face;
}

/** @param {string[]} classes @param {ArrayLike<number>} values @returns {Record<string, number>} */
const named = (classes, values) => Object.fromEntries(classes.map((name, c) => [name, rounded(values[c])]));

/** @param {number} value @returns {number} */
const rounded = (value) => Math.round(value * 1e4) / 1e4;

/** @param {number} value @returns {number} */
export const tenths = (value) => Math.round(value * 10) / 10;

/** @param {ArrayLike<number>} values @returns {number} the index of the largest one, the first of several */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  return best;
}
