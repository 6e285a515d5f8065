// @ts-check
/** An exported model: faces in, probabilities and class-activation maps out. As livefer/classifier.py. */

import {resizeCubic} from './pictures.js';

/** @typedef {import('./networks.js').Session} Session */
/**
 * @typedef {{name: string, file: string, weights: {path: string, file: string}[], classes: string[],
 *   colours: Record<string, string>, input_size: number, crop_scale: number, uncertain_below: number,
 *   prior: number, frequencies: number[], sha256: string}} ModelCard
 * @typedef {{batch: number, least_frequency: number}} ClassifierRules
 * @typedef {{probabilities: Float32Array, cams: Float32Array | null, mapSize: [number, number]}} Answers
 *   rows of C probabilities; maps of all classes, and the height and width of a map
 */

export class Classifier {
  /**
   * @param {Session} session @param {import('./networks.js').Ort} ort @param {ModelCard} card
   * @param {ClassifierRules} rules
   */
  constructor(session, ort, card, {batch, least_frequency: leastFrequency}) {
    this.session = session;
    this.ort = ort;
    this.card = card;
    this.batch = batch; // faces in one call, which bounds the memory
    this.factors = card.frequencies.map((value) => Math.max(value, leastFrequency) ** -card.prior);
  }

  /** @param {Uint8Array} faces N crops of S×S @param {boolean} heatmaps @returns {Promise<Answers>} */
  async predict(faces, heatmaps) {
    const size = this.card.input_size;
    const area = size * size;
    const n = faces.length / area;
    const nClasses = this.card.classes.length;
    const probabilities = new Float32Array(n * nClasses);
    /** @type {Float32Array | null} */
    let cams = null;
    /** @type {[number, number]} */
    let mapSize = [0, 0];
    const outputs = heatmaps ? ['probabilities', 'cams'] : ['probabilities'];
    for (let start = 0; start < n; start += this.batch) {
      const some = faces.subarray(start * area, (start + this.batch) * area);
      const input = new this.ort.Tensor('uint8', some, [some.length / area, size, size]);
      const answers = await this.session.run({faces: input}, outputs);
      probabilities.set(answers.probabilities.data, start * nClasses);
      if (heatmaps) {
        const {data, dims} = answers.cams;
        mapSize = [dims[2], dims[3]];
        const length = nClasses * dims[2] * dims[3];
        cams ??= new Float32Array(n * length);
        cams.set(data, start * length);
      }
    }
    this.removePrior(probabilities);
    return {probabilities, cams, mapSize};
  }

  /** Judge as if the classes were less unequally frequent. @param {Float32Array} probabilities rows of C */
  removePrior(probabilities) {
    const n = this.card.classes.length;
    if (!this.card.prior) return;
    for (let row = 0; row < probabilities.length; row += n) {
      let sum = 0;
      for (let c = 0; c < n; c += 1) sum += probabilities[row + c] *= this.factors[c];
      for (let c = 0; c < n; c += 1) probabilities[row + c] /= sum;
    }
  }
}

/**
 * Turn one class's map into a heat map of the evidence for it.
 * @param {Float32Array} cam @param {[number, number]} mapSize height and width @param {number} size S
 * @returns {Uint8Array} S×S, 0 to 255; zeros where nothing speaks for the class
 */
export function heatmap(cam, [height, width], size) {
  const heat = resizeCubic(cam.map((value) => Math.max(value, 0)), height, width, size);
  const peak = heat.reduce((a, b) => Math.max(a, b), 0);
  return Uint8Array.from(heat, (value) => (peak > 0 ? (255 * Math.max(value, 0)) / peak : 0));
}
