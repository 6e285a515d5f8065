// @ts-check
/** The page: its two modes, and the model that both show. */

import {alreadyAllowed, troubleOf} from './camera.js';
import {Device} from './device.js';
import {$, element, press, pressed} from './dom.js';
import {acceptFiles} from './files.js';
import {glyphElement} from './glyphs.js';
import {keepForLater} from './install.js';
import {Live} from './live.js';
import {Pictures} from './pictures.js';
import {
  chooseModel, forgetModel, getChosenModel, getToken, rememberedModel, Server, takeToken,
} from './server.js';

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./engine.js').Model} Model */

const FULL = 4429; // the server's close code
const PREFETCH_AFTER_MS = 4000; // the camera's first pictures come first

const ABOUT = /** @type {Record<string, string>} */ ({
  human: 'what people see', fer2013: 'FER2013\'s labels',
});

/** @type {Model | null} */
let model = null;
/** @type {Model | null} */
let awaited = null; // shown once the stream's answers are its own
let isKept = false; // by the browser, for visits without a network
let wasOn = false; // the camera, before the visitor went to the pictures

// With "?overlay" in its address, the page lies over other pictures, as in OBS: faces, and nothing else.
const isOverlay = new URLSearchParams(location.search).has('overlay');
document.documentElement.classList.toggle('overlay', isOverlay);

// What this page can do: "server", "device", or both. A page without a server is written by `livefer page`.
const kinds = (document.documentElement.dataset.engines ?? '').split(' ');
const server = kinds.includes('server') ? new Server() : null;
const device = kinds.includes('device') ? new Device(server ? getToken : undefined) : null;
let engine = /** @type {Engine} */ (server ?? device);

if (server) takeToken();
const live = new Live(engine, {
  onHello,
  onOptions: (options) => awaited?.name === options.model && useModel(awaited),
  onBadRequest: forgetModel,
  onToken: () => getModel().catch(() => {}),
  onPictures: showPictures,
  onDevice: () => device && useEngine(device),
  // A full server still gives the models' files; one that is gone does not.
  canCompute: (lost) => engine === server && device !== null && (device.files === 'there' || lost?.code === FULL),
});
const pictures = new Pictures(
  {gallery: $('gallery'), bar: $('picture-bar'), count: $('picture-count')}, getModel, () => engine);

/** Have another engine answer everything. @param {Engine} next */
async function useEngine(next) {
  engine = next;
  model = awaited = null;
  showEngine();
  const asked = getModel();
  live.useEngine(next);
  await asked.catch((error) => live.narrator.say(error.message));
}

function showEngine() {
  $('privacy').textContent = engine.privacy();
  $('picture-foot').textContent = engine === device ? 'The pictures stay in this browser.'
    : 'Before the browser sends a picture, it removes place and date, and scales a large one down to 2048 px.';
  $('switch').hidden = !(server && device);
  $('switch').textContent = engine === device ? 'Compute on the server' : 'Compute on this device';
}

/** @returns {Promise<Model>} */
async function getModel() {
  if (!model) {
    const standard = await engine.fetchModel();
    const name = rememberedModel(standard.models);
    if (name) await switchModel(name);
    else useModel(standard);
  }
  return /** @type {Model} */ (model);
}

/** @param {any} hello of a connection, which may have been opened before the visitor's choice */
function onHello(hello) {
  const chosen = getChosenModel();
  const own = hello.model ?? hello.name;
  if (chosen && chosen !== own && hello.models.includes(chosen)) live.stream.setModel(chosen);
  else useModel(hello);
  if (!server && !isKept) {
    isKept = true; // only now: files that do not work are not worth keeping
    void keepForLater(() => live.state === 'off');
  }
  if (device && engine === server) setTimeout(() => device.prefetch(), PREFETCH_AFTER_MS);
}

/** Have everything answered by another model from now on. @param {string} name */
async function switchModel(name) {
  const next = await engine.fetchModel(name); // which loads it
  chooseModel(name, next.models[0]);
  if (live.stream.setModel(name)) awaited = next;
  else useModel(next);
}

/** Show the model. @param {any} message the stream's hello, or a model card */
function useModel(message) {
  const before = model?.name;
  model = {...message, name: message.name ?? message.model, models: message.models ?? []};
  awaited = null;
  const {name, models, classes, colours, version, prior, uncertain_below: limit} = /** @type {Model} */ (model);
  live.results.useModel(/** @type {Model} */ (model));
  live.own.useModel(/** @type {Model} */ (model));
  $('version').textContent = version;
  $('model').textContent = `, model ${name}, prior ${prior},`;
  $('model-field').hidden = models.length < 2;
  $('models').replaceChildren(...models.map((one) => (
    new Option(ABOUT[one] ? `${one}: ${ABOUT[one]}` : one, one, false, one === name))));
  pictures.profile = ownInPictures();
  if (before && before !== name) pictures.readAgain();
  if (limit) $('uncertain-below').textContent = `reaches ${Math.round(100 * limit)}\u00a0%`;
  $('legend').replaceChildren(...classes.map((label) => {
    const item = element('li');
    item.append(glyphElement(label, colours[label]), label);
    return item;
  }));
}

/** @returns {import('./engine.js').Profile | null} what pictures are judged by: the visitor's profile, where it is wished */
function ownInPictures() {
  const {known} = live.own;
  $('picture-own').hidden = !known;
  if (!known) press('picture-own', false);
  return pressed('picture-own') ? known : null;
}

function showCamera() {
  setMode('camera');
  if (wasOn) live.start();
}

function showPictures() {
  wasOn = ['asking', 'on', 'paused'].includes(live.state);
  if (wasOn) live.stop();
  setMode('pictures');
  pictures.setProfile(ownInPictures());
  $('pick').focus({preventScroll: true});
}

/** Play the first video, and show the pictures. @param {File[]} files */
function take(files) {
  const [film] = files.filter((file) => file.type.startsWith('video/'));
  const others = files.filter((file) => !file.type.startsWith('video/'));
  if (others.length) {
    if ($('pictures').hidden) showPictures();
    pictures.add(others);
  } else if (film) {
    setMode('camera');
    void live.play(film);
  }
}

/** @param {'camera' | 'pictures'} mode */
function setMode(mode) {
  for (const name of ['camera', 'pictures']) {
    $(name).hidden = name !== mode;
    press(`mode-${name}`, name === mode);
  }
  $('link').hidden = mode !== 'camera';
}

$('mode-camera').onclick = () => $('camera').hidden && showCamera();
$('mode-pictures').onclick = () => $('pictures').hidden && showPictures();
$('pick').onclick = () => $('files').click();
$('files').onchange = () => {
  take([...$('files').files]);
  $('files').value = '';
};
acceptFiles(take);
$('picture-heat').onclick = () => {
  press('picture-heat', !pressed('picture-heat'));
  pictures.setHeat(pressed('picture-heat'));
};
$('picture-own').onclick = () => {
  press('picture-own', !pressed('picture-own'));
  pictures.setProfile(ownInPictures());
};
$('picture-csv').onclick = () => pictures.save('csv');
$('picture-json').onclick = () => pictures.save('json');
$('picture-clear').onclick = () => pictures.clear();
$('models').onchange = async () => {
  const name = $('models').value;
  try {
    await switchModel(name);
    live.narrator.say(`Answers are those of the model ${name} now.`);
  } catch (error) {
    $('models').value = model?.name;
    live.narrator.say(`The model stays the same: ${error instanceof Error ? error.message : error}`);
  }
};
$('switch').onclick = () => useEngine(/** @type {Engine} */ (engine === server ? device : server));

showEngine();
if (isOverlay) live.keepMirror(false);
setInterval(() => live.tick(), 500);
await getModel().catch((error) => {
  if (error.code === 'token') live.stream.open(); // to be refused, and then asked for the token
});
if (engine === device) live.stream.open();
if (troubleOf(null) === 'insecure') live.fail('insecure');
else if (isOverlay || await alreadyAllowed()) live.start();
