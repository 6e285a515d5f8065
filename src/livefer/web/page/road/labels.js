// @ts-check
/** The label of a face over time. As livefer/labels.py. */

import {argmax} from './results.js';

/**
 * Return the most probable class; but the one before stays until another leads.
 * @param {ArrayLike<number>} probabilities smoothed @param {number | null} before null: a new face
 * @param {number} lead @returns {number}
 */
export function steadyClass(probabilities, before, lead) {
  const best = argmax(probabilities);
  return before !== null && probabilities[best] - probabilities[before] < lead ? before : best;
}
