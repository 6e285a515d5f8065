// @ts-check
/** Geometry of face boxes: left, top, right, bottom in pixels. As livefer/faces/boxes.py. */

/** @typedef {[number, number, number, number]} Box */

/** @param {Box} box @returns {number} the mean of width and height */
export const sideOf = (box) => (box[2] - box[0] + box[3] - box[1]) / 2;

/** @param {Box[]} boxes @returns {number} the index of the largest one, the first of several; -1 of none */
export function largest(boxes) {
  return boxes.reduce((best, box, i) => (best < 0 || sideOf(box) > sideOf(boxes[best]) ? i : best), -1);
}

/**
 * @template {{box: number[]}} F
 * @param {F[]} faces @returns {F | null} the largest one, the first of several; null of none
 */
export function mainFace(faces) {
  return faces[largest(faces.map(({box}) => /** @type {Box} */ (box)))] ?? null;
}

/**
 * Return the square that is cut for a face; it may reach outside the picture.
 * @param {Box} box @param {number} scale its side, in sides of the box, at least one pixel
 * @param {number} shiftY how far it lies below the box, in its own sides @returns {Box}
 */
export function cropBox([left, top, right, bottom], scale = 1, shiftY = 0) {
  const side = Math.max((scale * (right - left + bottom - top)) / 2, 1);
  const x = (left + right) / 2;
  const y = (top + bottom) / 2 + shiftY * side;
  const half = side / 2;
  return [x - half, y - half, x + half, y + half];
}

/** @param {Box} a @param {Box} b @returns {number} intersection over union, 0 to 1 */
export function iou(a, b) {
  const common = intersection(a, b);
  return common / Math.max(area(a) + area(b) - common, 1e-9);
}

/** @param {Box} box @param {Box[]} others @param {number} share of the smaller one's area @returns {boolean} */
export function isCovered(box, others, share) {
  return others.some((one) => intersection(box, one) > share * Math.min(area(box), area(one)));
}

/** @param {Box} a @param {Box} b @returns {number} */
function intersection(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}

/** @param {Box} box @returns {number} */
const area = ([left, top, right, bottom]) => Math.max(right - left, 0) * Math.max(bottom - top, 0);
