// @ts-check
/** livefer's own face detector. As livefer/detection/native.py and livefer/detection/cells.py. */

import {iou} from './boxes.js';
import {resizeLinear, rounded, shrink} from './pictures.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./pictures.js').Picture} Picture */
/** @typedef {{box: Box, score: number}} Detection */
/** @typedef {{data: Uint8Array, width: number, height: number}} Colours three bytes a pixel: blue, green, red */
/**
 * @typedef {{file: string, name: string, strides_px: number[], crop_scale: number, crop_shift_y: number,
 *   side_px: number, threshold: number, known_threshold: number, least: number, certain: number, doubt: number,
 *   again_px: number, again_side_px: number, again_iou: number, max_overlap: number, near_iou: number}} DetectorCard
 */

export class Detector {
  /**
   * @param {import('./networks.js').Session} session @param {import('./networks.js').Ort} ort
   * @param {DetectorCard} card
   */
  constructor(session, ort, card) {
    this.session = session;
    this.ort = ort;
    this.card = card;
  }

  /** @param {Picture} image @returns {Promise<Detection[]>} its faces, best first */
  async detect(image) {
    const {threshold, doubt, least, certain} = this.card;
    const found = await this.search(image, Math.min(threshold, Math.max(threshold - doubt, least)));
    for (const face of found) {
      if (face.score < certain) face.score = (face.score + await this.lookAgain(image, face.box)) / 2;
    }
    return found.filter((face) => face.score >= threshold).sort((a, b) => b.score - a.score);
  }

  /**
   * Look for known faces near their last boxes, with a lower threshold than for new ones.
   * @param {Picture} image @param {Box[]} boxes
   * @returns {Promise<Detection[]>} these faces as they are now, with a score of 0 where none is
   */
  async detectNear(image, boxes) {
    const found = await this.search(image, this.card.known_threshold);
    return boxes.map((box) => {
      const best = found.reduce((a, b) => (a && iou(box, a.box) >= iou(box, b.box) ? a : b), found[0]);
      return best && iou(box, best.box) >= this.card.near_iou ? best : {box, score: 0};
    });
  }

  /** @param {Picture} image @param {number} threshold @returns {Promise<Detection[]>} best first */
  async search(image, threshold) {
    const {width, height} = image;
    const factor = this.card.side_px / Math.max(width, height);
    if (factor >= 1) return this.find(coloursOf(image), threshold);
    const [w, h] = [width, height].map((side) => Math.max(1, rounded(side * factor)));
    const small = {data: swapped(shrink(image, 4, 3, w, h)), width: w, height: h};
    const [x, y] = [width / w, height / h];
    return (await this.find(small, threshold)).map(({box: [l, t, r, b], score}) => (
      {box: /** @type {Box} */ ([l * x, t * y, r * x, b * y]), score}));
  }

  /** @param {Picture} image @param {Box} box @returns {Promise<number>} a face's score, seen by itself; 0 for none */
  async lookAgain(image, [left, top, right, bottom]) {
    const {again_px: facePx, again_side_px: side, again_iou: sameIou, least} = this.card;
    const [width, height] = [right - left, bottom - top];
    const scale = (2 * facePx) / (width + height);
    const near = cutSquare(image, (left + right) / 2, (top + bottom) / 2, side / 2 / scale, side);
    const [w, h] = [(width * scale) / 2, (height * scale) / 2];
    const expected = /** @type {Box} */ ([side / 2 - w, side / 2 - h, side / 2 + w, side / 2 + h]);
    const found = await this.find({data: near, width: side, height: side}, least);
    return Math.max(0, ...found.filter((one) => iou(expected, one.box) >= sameIou).map((one) => one.score));
  }

  /** @param {Colours} image @param {number} threshold @returns {Promise<Detection[]>} at its own resolution */
  async find(image, threshold) {
    const {strides_px: strides, max_overlap: maxOverlap} = this.card;
    const {data, width, height} = padded(image, strides[strides.length - 1]);
    const input = new this.ort.Tensor('uint8', data, [1, height, width, 3]);
    const answers = await this.session.run({image: input});
    const least = Math.log(threshold) - Math.log1p(-threshold);
    /** @type {Detection[]} */
    const found = [];
    for (const stride of strides) {
      const {data: cells, dims} = answers[`cells_${stride}`];
      const n = dims[2] * dims[3];
      for (let i = 0; i < n; i += 1) {
        if (!(cells[i] >= least)) continue;
        const x = (i % dims[3]) + 0.5 + cells[n + i];
        const y = Math.floor(i / dims[3]) + 0.5 + cells[2 * n + i];
        const [w, h] = [Math.exp(cells[3 * n + i]) / 2, Math.exp(cells[4 * n + i]) / 2];
        const box = /** @type {Box} */ ([x - w, y - h, x + w, y + h].map((v) => v * stride));
        found.push({box, score: 1 / (1 + Math.exp(-cells[i]))});
      }
    }
    return bestOf(found, maxOverlap);
  }
}

/** @param {Detection[]} found @param {number} maxOverlap IoU @returns {Detection[]} each face once, best first */
export function bestOf(found, maxOverlap) {
  /** @type {Detection[]} */
  const kept = [];
  for (const one of [...found].sort((a, b) => b.score - a.score)) {
    if (one.score > 0 && kept.every((other) => iou(one.box, other.box) <= maxOverlap)) kept.push(one);
  }
  return kept;
}

/** @param {Picture} image @returns {Colours} */
function coloursOf({data, width, height}) {
  const colours = new Uint8Array(3 * width * height);
  for (let at = 0, to = 0; to < colours.length; at += 4, to += 3) {
    colours[to] = data[at + 2];
    colours[to + 1] = data[at + 1];
    colours[to + 2] = data[at];
  }
  return {data: colours, width, height};
}

/** @param {Uint8Array} pixels of three bytes each @returns {Uint8Array} the same, first and third byte swapped */
function swapped(pixels) {
  for (let i = 0; i < pixels.length; i += 3) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
  return pixels;
}

/** @param {Colours} image @param {number} stride @returns {Colours} with black added, to multiples of the stride */
function padded(image, stride) {
  const [width, height] = [image.width, image.height].map((side) => stride * Math.ceil(side / stride));
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < image.height; y += 1) {
    data.set(image.data.subarray(3 * y * image.width, 3 * (y + 1) * image.width), 3 * y * width);
  }
  return {data, width, height};
}

/**
 * Return a square of a picture, side×side, blue, green, red; outside the picture it is black.
 * @param {Picture} image @param {number} x @param {number} y its middle @param {number} half of its side in pixels
 * @param {number} side of the result @returns {Uint8Array}
 */
export function cutSquare(image, x, y, half, side) {
  const [left, top] = [Math.floor(x - half), Math.floor(y - half)];
  const [width, height] = [Math.ceil(x + half) - left, Math.ceil(y + half) - top];
  const part = new Uint8Array(3 * width * height);
  for (let row = Math.max(0, -top); row < Math.min(height, image.height - top); row += 1) {
    const first = Math.max(0, -left);
    let at = 4 * ((top + row) * image.width + left + first);
    for (let column = first; column < Math.min(width, image.width - left); column += 1, at += 4) {
      part.set([image.data[at + 2], image.data[at + 1], image.data[at]], 3 * (row * width + column));
    }
  }
  const square = {data: part, width, height};
  return 2 * half > side ? shrink(square, 3, 3, side, side) : resizeLinear(square, 3, side);
}
