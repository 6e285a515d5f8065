// The road in JavaScript says what Python's says, in the cases of tests/vectors.
//     node --test tests/web/road/
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

import {cropFace} from '../../../src/livefer/web/page/road/crops.js';
import {Classifier, heatmap} from '../../../src/livefer/web/page/road/classifier.js';
import {cutSquare, Detector} from '../../../src/livefer/web/page/road/detector.js';
import {blockMeans, hasChanged, matchTemplate, templateOf} from '../../../src/livefer/web/page/road/motion.js';
import {shrink} from '../../../src/livefer/web/page/road/pictures.js';
import {makeProfile, readProfile} from '../../../src/livefer/web/page/road/profile.js';
import {readability, shareOutside, whyNoFace} from '../../../src/livefer/web/page/road/quality.js';
import {restingProfile, RunningProfile} from '../../../src/livefer/web/page/road/resting.js';
import {faceOf} from '../../../src/livefer/web/page/road/results.js';
import {LiveSearch} from '../../../src/livefer/web/page/road/search.js';
import {Smoother, steadyPlace, windowWeights} from '../../../src/livefer/web/page/road/smoothing.js';
import {Tracker} from '../../../src/livefer/web/page/road/tracker.js';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const {rules, detector: card, model: described, picture: saved} = vectors('rules');
const model = {...described, version: 'test', rules};
const picture = pictureOf(bytes(saved.rgb), saved.width, saved.height);

function pictureOf(rgb, width, height) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i += 1) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return {data, width, height};
}

function changed(image, change) {
  const data = Uint8ClampedArray.from(image.data, change);
  return {...image, data};
}

function moved({data, width, height}, [x, y]) {
  const to = new Uint8ClampedArray(data.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const at = 4 * (((row + y) % height + height) % height * width + ((column + x) % width + width) % width);
      to.set(data.subarray(4 * (row * width + column), 4 * (row * width + column) + 4), at);
    }
  }
  return {data: to, width, height};
}

/** Hold numbers, however deep they lie, to those expected. */
function near(found, expected, tolerance, what = '') {
  if (typeof expected === 'number') {
    assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found} is not ${expected}`);
  } else if (expected !== null && typeof expected === 'object') {
    assert.equal(found?.length, expected.length, what);
    for (const key of Object.keys(expected)) near(found[key], expected[key], tolerance, `${what}[${key}]`);
  } else {
    assert.equal(found, expected, what);
  }
}

/** Hold gray levels to those expected: none is off by more than one, and few are off. */
function likePixels(found, expected, what) {
  near(found, expected, 1, what);
  const nOff = expected.reduce((n, value, i) => n + (value !== found[i] ? 1 : 0), 0);
  assert.ok(nOff <= 0.02 * expected.length + 1, `${what}: ${nOff} of ${expected.length} differ`);
}

const likeDetections = (found, expected, what) => {
  near(found.map((one) => [...one.box, one.score]), expected.map((one) => [...one.box, one.score]), 1e-3, what);
};

test('faces are cut as Python cuts them', () => {
  for (const {box, size, scale, shift_y: shiftY, gray} of vectors('crops')) {
    likePixels(cropFace(picture, box, size, rules.crops, scale, shiftY), bytes(gray), `${box}`);
  }
});

test('pictures are resized as OpenCV does', () => {
  const {shrunk, squares, heatmaps} = vectors('pictures');
  const swap = (pixels) => pixels.map((_, i) => pixels[i - (i % 3) + 2 - (i % 3)]);
  for (const {wh: [width, height], bgr} of shrunk) {
    likePixels(swap(shrink(picture, 4, 3, width, height)), bytes(bgr), `${width}×${height}`);
  }
  for (const {middle: [x, y], half, side, bgr} of squares) {
    likePixels(cutSquare(picture, x, y, half, side), bytes(bgr), `${x}, ${y}`);
  }
  for (const {cam, heat} of heatmaps) likePixels(heatmap(Float32Array.from(cam.flat()), [6, 6], 48), bytes(heat), 'heat');
});

test('the detector decodes, suppresses, and looks again', async () => {
  const {width, find, detect, near: known, cells} = vectors('detector');
  const session = {
    async run({image: {dims}}) {
      const answers = cells[`${dims[2]}x${dims[1]}`];
      return Object.fromEntries(Object.entries(answers).map(([name, one]) => (
        [name, {dims: one.dims, data: Float32Array.from(one.data.flat(2))}])));
    },
  };
  const detector = new Detector(session, {Tensor: class {
    constructor(type, data, dims) {
      assert.equal(data.length, dims.reduce((a, b) => a * b));
      this.dims = dims;
    }
  }}, card);
  const part = {data: new Uint8Array(4 * width * picture.height), width, height: picture.height};
  for (let y = 0; y < part.height; y += 1) {
    part.data.set(picture.data.subarray(4 * y * picture.width, 4 * (y * picture.width + width)), 4 * y * width);
  }
  const colours = {data: new Uint8Array(3 * width * part.height), width, height: part.height};
  for (const {threshold, boxes} of find) {
    assert.ok(boxes.length > 1);
    likeDetections(await detector.find(colours, threshold), boxes, `above ${threshold}`);
  }
  likeDetections(await detector.detect(part), detect, 'detect');
  likeDetections(await detector.detectNear(part, known.boxes), known.found, 'near');
});

test('faces are followed by template matching', () => {
  const {box, template, matches, blocks, changed: has} = vectors('motion');
  const found = templateOf(picture, box, rules);
  likePixels(found, bytes(template), 'template');
  for (const {move, box: expected} of matches) {
    near(matchTemplate(moved(picture, move), box, found, rules), expected, 0.02, `moved by ${move}`);
  }
  assert.equal(matchTemplate(picture, box, found.map(() => 9), rules), null);
  const before = blockMeans(picture, rules.motion);
  likePixels(before, bytes(blocks), 'blocks');
  const images = {same: picture, lighter: changed(picture, (v) => v + 10), moved: moved(picture, [3, -2])};
  for (const [name, image] of Object.entries(images)) {
    assert.equal(hasChanged(before, blockMeans(image, rules.motion), rules.motion), has[name], name);
  }
});

test('a live stream is searched when Python searches it', async () => {
  const search = new LiveSearch(rules);
  for (const {time_s: time, move, flat, detect, near: score, calls, found} of vectors('search').frames) {
    const done = [];
    const detector = {
      async detect() {
        done.push('all');
        return detect.map((one) => ({...one}));
      },
      async detectNear(_, boxes) {
        done.push('near');
        const [x, y] = move;
        return boxes.map((box) => ({box: score ? [55 + x, 14 + y, 87 + x, 55 + y] : box, score}));
      },
    };
    let image = moved(picture, move);
    if (flat) {
      const [ground, corner] = flat;
      image = changed(image, (_, i) => {
        const pixel = i >> 2;
        return pixel % image.width < 40 && pixel < 40 * image.width ? corner : ground;
      });
    }
    likeDetections(await search.find(image, time, detector), found, `at ${time} s`);
    assert.deepEqual(done, calls, `at ${time} s`);
  }
});

test('faces keep their ids', () => {
  const tracker = new Tracker(rules.tracker);
  for (const {time_s: time, boxes, ids} of vectors('tracker').frames) {
    assert.deepEqual(tracker.match(boxes, time).map(({id}) => id), ids, `at ${time} s`);
  }
});

test('answers, labels and places are smoothed', () => {
  const {weights, places, films} = vectors('smoothing');
  for (const {times, window_s: windowS, weights: expected} of weights) {
    near(windowWeights(times, windowS), expected, 1e-5, `${times.length} in ${windowS} s`);
  }
  for (const {times, places: all, within_s: within, place} of places) {
    near(steadyPlace(times, all, within, rules.smoothing.tremble), place, 1e-4, `${times.length}`);
  }
  for (const {window_s: windowS, frames} of films) {
    const smoother = new Smoother(rules, windowS);
    const tracker = new Tracker(rules.tracker);
    for (const frame of frames) {
      const at = `window ${windowS} s, at ${frame.time_s} s`;
      const tracks = tracker.match(frame.boxes, frame.time_s);
      const ids = tracks.map(({id}) => id);
      near(smoother.steadyBoxes(frame.boxes, tracks), frame.steady, 1e-3, at);
      assert.deepEqual(smoother.views(ids, frame.time_s), frame.views, at);
      const rows = (all) => all && all.map((row) => Float32Array.from(row));
      const smoothed = smoother.add(ids, frame.time_s, rows(frame.raw), rows(frame.cams));
      near(smoothed.map((one) => one.probabilities), frame.probabilities, 1e-5, at);
      assert.deepEqual(smoothed.map((one) => one.classId), frame.class_ids, at);
      near(smoothed.map((one) => one.cams), frame.maps ?? smoothed.map(() => null), 1e-4, at);
    }
  }
});

test('profiles are made, read and judge as in Python', () => {
  const {rows, made, damaged, resting, running} = vectors('profile');
  for (const {answers, file, judged, error} of made) {
    const named = Object.fromEntries(Object.entries(answers).map(([name, all]) => (
      [name, all.map((row) => Object.fromEntries(model.classes.map((c, i) => [c, row[i]])))])));
    if (error) {
      assert.throws(() => makeProfile(model, named, 'me'), {message: error});
      continue;
    }
    const found = makeProfile(model, named, 'me');
    assert.deepEqual(Object.keys(found), Object.keys(file));
    for (const [name, one] of Object.entries(file.expressions)) {
      near(found.expressions[name].log_probabilities, one.log_probabilities, 2e-4, name);
      near(found.expressions[name].spread, one.spread, 2e-4, name);
      assert.equal(found.expressions[name].n, one.n);
    }
    const profile = readProfile(file, rules.profile);
    profile.check(model);
    near(rows.map((row) => profile.judge(row)), judged, 1e-5, 'judged');
    assert.throws(() => profile.check({...model, sha256: '0'}), /another version of it/);
    assert.throws(() => profile.check({...model, name: 'mine', sha256: '0'}), /another one, "mine"/);
    assert.throws(() => profile.check({...model, prior: 0}), /prior of 0\.5/);
  }
  for (const {file, error} of damaged) assert.throws(() => readProfile(file, rules.profile), {message: `this is not a profile of livefer (${error})`});
  for (const nothing of [null, 7, 'auto', {}, {livefer_profile: 1, classes: ['neutral'], expressions: null}]) {
    assert.throws(() => readProfile(nothing, rules.profile), /not a profile of livefer/);
  }
  for (const {answers, profile} of resting) {
    const found = restingProfile(model, answers.map((row) => Float32Array.from(row)), 'auto', rules);
    assert.equal(found === null, profile === null);
    if (found) near(found.neutral, profile.expressions.neutral.log_probabilities, 2e-4, 'resting');
  }
  const live = new RunningProfile(model, rules);
  running.answers.forEach((row, i) => {
    live.add(i < 150 ? 1 : 2, i * 0.2, Float32Array.from(row));
    near(live.profile && live.profile.neutral, running.known[i], 1e-4, `answer ${i}`);
  });
});

test('what cannot be read is known', () => {
  const {faces, outside, images} = vectors('quality');
  for (const {gray, box, square, why, sharpness, brightness} of faces) {
    const found = readability(bytes(gray), 48, box, square, picture, rules.quality);
    assert.equal(found.why, why);
    near(found.sharpness, sharpness, 1e-3, 'sharpness');
    near(found.brightness, brightness, 1e-3, 'brightness');
  }
  for (const {square, share} of outside) near(shareOutside(square, 150, 120), share, 1e-6, `${square}`);
  for (const {add, divide, why} of images) {
    const image = changed(picture, (v) => Math.floor(v / divide) + add);
    assert.equal(whyNoFace(image, rules.quality), why);
    assert.equal(whyNoFace(enlarged(image, 4), rules.quality), why);
  }
});

function enlarged({data, width, height}, zoom) {
  const large = {data: new Uint8Array(data.length * zoom * zoom), width: width * zoom, height: height * zoom};
  for (let y = 0; y < large.height; y += 1) {
    for (let x = 0; x < large.width; x += 1) {
      const at = 4 * (Math.floor(y / zoom) * width + Math.floor(x / zoom));
      large.data.set(data.subarray(at, at + 4), 4 * (y * large.width + x));
    }
  }
  return large;
}

test('a face is told with the same words and numbers', () => {
  const {cases, frequencies, prior} = vectors('results');
  for (const {row, class_id: classId, face} of cases) {
    const found = {trackId: 3, box: [1.26, 2.04, 30.5, 40.9], score: 0.87654, classId, why: face.why,
      sharpness: 0.123456, brightness: 99.96, probabilities: row, raw: row, plain: null, profile: null};
    assert.deepEqual(faceOf(found, model.classes, rules.answers.least_sign), face);
  }
  const classifier = new Classifier(null, null, {...model, prior: 0.5, frequencies}, rules.classifier);
  const rows = Float32Array.from(cases.filter((_, i) => i === 0).flatMap(({row}) => row));
  classifier.removePrior(rows);
  near(rows, prior[0], 1e-5, 'prior');
});
