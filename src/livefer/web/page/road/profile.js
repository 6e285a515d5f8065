// @ts-check
/**
 * Profiles: what a person's own faces look like to a model, and what a new one means for that person.
 * As livefer/profiles/profile.py, whose formula this is, and moments.py.
 */

import {argmax} from './results.js';

/**
 * @typedef {{format: number, neutral: string, rest: number, edge: number, own: number, known: number,
 *   temperature: number, least: number, least_shared: number, least_rest: number, least_frames: number,
 *   own_name: string, most_letters: number}} ProfileRules
 * @typedef {{log_probabilities: number[], spread: number[], n: number}} Expression of log-probabilities: means
 *   over n frames and standard deviations
 * @typedef {{livefer_profile: number, name: string, model: string, model_sha256: string, prior: number,
 *   classes: string[], expressions: Record<string, Expression>, livefer_version: string}} ProfileFile
 *   as `livefer profile` writes it
 * @typedef {{name: string, sha256: string, prior: number, classes: string[]}} OfModel
 */

/** One person's expressions as one model sees them. */
export class Profile {
  /** @param {ProfileFile} file that was checked @param {ProfileRules} rules */
  constructor(file, rules) {
    this.file = file;
    this.rules = rules;
    this.name = file.name;
    this.at = file.classes.indexOf(rules.neutral);
    this.neutral = file.expressions[rules.neutral].log_probabilities;
    this.ways = Object.entries(file.expressions).filter(([name]) => name !== rules.neutral).map(([name, one]) => {
      const way = one.log_probabilities.map((value, c) => value - this.neutral[c]);
      return {at: file.classes.indexOf(name), way, half: dot(way, way) / 2};
    });
  }

  /** @param {ArrayLike<number>} probabilities of the person's face @returns {Float32Array} what they mean for this person */
  judge(probabilities) {
    const {rest, edge, own, known, temperature, least, least_shared: leastShared} = this.rules;
    const {at, neutral} = this;
    const logs = Array.from(probabilities, (value) => Math.log(Math.max(value, least)));
    const off = logs.map((value, c) => value - neutral[c]);
    const more = logs.map(() => 0);
    for (const {at: c, way, half} of this.ways) more[c] = known * (dot(off, way) - half);
    const rises = off.map((value, c) => value + more[c]);
    const others = rises.filter((_, c) => c !== at);
    const lead = (Math.max(...others) - rises[at] - rest) / edge;
    const atRest = 1 / (1 + Math.exp(Math.min(Math.max(lead, -50), 50)));
    const floor = Math.log(leastShared);
    const scores = logs.map((value, c) => (
      c === at ? -Infinity : (1 + own) * Math.max(value, floor) - Math.max(neutral[c], floor) + more[c]));
    const top = Math.max(...scores);
    const odds = scores.map((score) => Math.exp((score - top) / temperature));
    const sum = odds.reduce((a, b) => a + b, 0);
    return Float32Array.from(odds, (value, c) => (c === at ? atRest : (value / sum) * (1 - atRest)));
  }

  /** @param {ArrayLike<number>[]} rows of probabilities @returns {{share: number, other: string}} that is at rest; what the others look like */
  rest(rows) {
    const judged = rows.map((row) => this.judge(row));
    const share = judged.filter((row) => argmax(row) === this.at).length / rows.length;
    const sums = this.file.classes.map((_, c) => (c === this.at ? 0 : judged.reduce((sum, row) => sum + row[c], 0)));
    return {share, other: this.file.classes[argmax(sums)]};
  }

  /** Raise an Error where the profile was made with another model or prior. @param {OfModel} model */
  check(model) {
    const {file} = this;
    if (file.model_sha256 !== model.sha256 || String(file.classes) !== String(model.classes)) {
      const other = file.model === model.name ? 'another version of it' : `another one, "${model.name}"`;
      throw new Error(`the profile is of the model "${file.model}", and this is ${other}: make the profile anew with this model`);
    }
    if (!(Math.abs(file.prior - model.prior) <= 1e-6)) {
      throw new Error(`the profile was made with a prior of ${file.prior}, and this one is ${model.prior}: make it anew`);
    }
  }
}

/**
 * Make a profile from answers for faces whose expression is known.
 * @param {OfModel & {version: string}} model @param {Record<string, ArrayLike<number>[]>} answers rows of
 *   probabilities, by class @param {string} name of the person @param {ProfileRules} rules @returns {Profile}
 */
export function profileOf(model, answers, name, rules) {
  const unknown = [rules.neutral, ...Object.keys(answers)].find((one) => !model.classes.includes(one));
  if (unknown) throw new Error(`the model "${model.name}" has no class "${unknown}": it has ${model.classes.join(', ')}`);
  if (!answers[rules.neutral]?.length) throw new Error('a profile begins with the neutral face: none was given');
  /** @type {Record<string, Expression>} */
  const expressions = {};
  for (const [expression, rows] of Object.entries(answers)) {
    if (rows.length) expressions[expression] = expressionOf(rows, rules.least);
  }
  return new Profile({
    livefer_profile: rules.format, name, model: model.name, model_sha256: model.sha256, prior: model.prior,
    classes: model.classes, expressions, livefer_version: model.version,
  }, rules);
}

/** @param {ArrayLike<number>[]} rows @param {number} least @returns {Expression} */
function expressionOf(rows, least) {
  const n = rows.length;
  const logs = rows.map((row) => Array.from(row, (value) => Math.log(Math.max(value, least))));
  const means = logs[0].map((_, c) => logs.reduce((sum, row) => sum + row[c], 0) / n);
  const spread = means.map((mean, c) => Math.sqrt(logs.reduce((sum, row) => sum + (row[c] - mean) ** 2, 0) / n));
  return {log_probabilities: means, spread, n};
}

/**
 * Make the profile of a person who held each expression for a moment, as POST /v1/profile does.
 * @param {OfModel & {version: string, rules: {profile: ProfileRules}}} model of a Recognizer
 * @param {Record<string, Record<string, number>[]>} answers `raw_probabilities` of the frames, by expression
 * @param {string} [name] of the person @returns {ProfileFile}
 */
export function makeProfile(model, answers, name) {
  const rules = model.rules.profile;
  const rows = Object.fromEntries(Object.entries(answers).map(([expression, frames]) => (
    [expression, frames.map((frame) => model.classes.map((c) => frame[c]))])));
  const made = profileOf(model, rows, name ?? rules.own_name, rules);
  for (const [expression, {length}] of Object.entries(rows)) {
    if (length < rules.least_frames) {
      throw new Error(`${expression} has ${length} frames with a face, and ${rules.least_frames} are needed: hold it longer`);
    }
  }
  const neutral = rows[rules.neutral];
  const {share, other} = profileOf(model, {[rules.neutral]: neutral}, '', rules).rest(neutral);
  if (share < rules.least_rest) {
    throw new Error(`your face was not at rest: it looked ${other} for ${Math.round(100 * (1 - share))}% of the time; `
      + 'hold still and try again');
  }
  const rounded = (/** @type {number[]} */ values) => values.map((value) => Math.round(value * 1e4) / 1e4);
  const expressions = Object.fromEntries(Object.entries(made.file.expressions).map(([expression, one]) => (
    [expression, {log_probabilities: rounded(one.log_probabilities), spread: rounded(one.spread), n: one.n}])));
  return {...made.file, expressions};
}

/**
 * Read a profile's file; an Error where it is none.
 * @param {any} file plain data @param {ProfileRules} rules @returns {Profile}
 */
export function readProfile(file, rules) {
  const fail = (/** @type {string} */ why) => {
    throw new Error(`this is not a profile of livefer (${why})`);
  };
  if (file?.livefer_profile !== rules.format) fail(`format ${file?.livefer_profile}, this version reads ${rules.format}`);
  const {classes, expressions} = file;
  if (!Array.isArray(classes) || typeof (expressions ?? 0) !== 'object') fail('its classes or expressions are missing');
  for (const [name, one] of Object.entries(expressions)) {
    const {log_probabilities: means, spread, n} = /** @type {any} */ (one) ?? {};
    const fits = (/** @type {any} */ values) => Array.isArray(values) && values.length === classes.length;
    if (!classes.includes(name) || !fits(means) || !fits(spread)) fail(`the expression "${name}" does not fit the classes`);
    const least = Math.log(rules.least);
    const arePossible = means.every((/** @type {any} */ v) => typeof v === 'number' && v > least - 0.01 && v < 0.01)
      && spread.every((/** @type {any} */ v) => typeof v === 'number' && v >= 0 && v < -least) && n > 0;
    if (!arePossible) fail(`the expression "${name}" has numbers that are impossible`);
  }
  if (!expressions[rules.neutral]) fail('the neutral face is missing');
  if (String(file.name).length > rules.most_letters) fail(`its name has more than ${rules.most_letters} letters`);
  return new Profile(file, rules);
}

/** @param {number[]} a @param {number[]} b @returns {number} */
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
