// @ts-check
/** Pictures judged by the visitor's own face: by the page, from the answers that were given without it. */

import {largest} from './road/boxes.js';
import {readProfile} from './road/profile.js';
import {argmax, faceOf} from './road/results.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./road/boxes.js').Box} Box */

/**
 * Have the largest face judged by a profile; Error where the profile is another model's.
 * @param {Face[]} faces of a picture, judged plainly @param {any} profile @param {string} model its name
 * @param {{models: any[], rules: any}} card livefer.json @returns {Face[]}
 */
export function judged(faces, profile, model, {models, rules}) {
  const about = models.find((/** @type {any} */ one) => one.name === model);
  const own = readProfile(profile, rules.profile);
  own.check(about);
  if (!faces.length) return faces;
  const mine = largest(faces.map(({box}) => /** @type {Box} */ (box)));
  return faces.map((face, i) => (i === mine ? judgedFace(face, own, about, rules) : face));
}

/**
 * @param {Face} face @param {import('./road/profile.js').Profile} own @param {any} model @param {any} rules
 * @returns {Face}
 */
function judgedFace(face, own, {classes, uncertain_below: limit}, rules) {
  const raw = classes.map((/** @type {string} */ name) => face.raw_probabilities[name]);
  const probabilities = own.judge(raw);
  const classId = argmax(probabilities);
  const doubt = probabilities[classId] < limit ? 'confidence' : null;
  const why = face.why === 'confidence' ? doubt : face.why ?? doubt;
  const made = faceOf({
    ...face, trackId: face.track_id, box: /** @type {Box} */ (face.box), classId, why,
    probabilities, raw, plain: raw, profile: own.name,
  }, classes, rules.answers.least_sign);
  // The heat map of a picture is that of one class.
  return {...face, ...made, heat: made.label === face.label ? face.heat : null};
}
