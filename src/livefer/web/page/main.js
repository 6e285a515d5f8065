// @ts-check
/** The page: its two modes, and the model that both show. */

import {alreadyAllowed, troubleOf} from './camera.js';
import {Device} from './device.js';
import {$, element, press, pressed} from './dom.js';
import {acceptFiles, PICTURE_PX} from './files.js';
import {glyphElement} from './glyphs.js';
import {keepForLater} from './install.js';
import {Live} from './live.js';
import {Pictures} from './pictures.js';
import {FULL, sentence} from './states.js';
import {
  chooseModel, forgetModel, getChosenModel, getToken, rememberedModel, Server, takeToken,
} from './server.js';

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./engine.js').Model} Model */

const PREFETCH_AFTER_MS = 4000; // the camera's first pictures come first

const ABOUT = /** @type {Record<string, string>} */ ({
  human: 'what people see', fer2013: 'FER2013\'s labels',
});

/** @type {Model | null} */
let model = null;
/** @type {Model | null} */
let awaited = null; // shown once the stream's answers are its own
let isKept = false; // by the browser, for visits without a network
let standsInFor = ''; // what is told once the device stands in for the server
let hasFailed = false; // the device, when it was to stand in
let wasOn = false; // the camera, before the visitor went to the pictures
let prefetching = 0; // the timer

// With "?overlay" in its address, the page lies over other pictures, as in OBS: faces, and nothing else.
const isOverlay = new URLSearchParams(location.search).has('overlay');
document.documentElement.classList.toggle('overlay', isOverlay);

// What this page can do: "server", "device", or both. A page without a server is written by `livefer page`.
const kinds = (document.documentElement.dataset.engines ?? '').split(' ');
const server = kinds.includes('server') ? new Server() : null;
const device = kinds.includes('device') ? new Device(getChosenModel, server ? getToken : undefined) : null;
let engine = /** @type {Engine} */ (server ?? device);

if (server) takeToken();
const live = new Live(engine, {
  onHello,
  onOptions: (options) => awaited?.name === options.model && useModel(awaited),
  onBadRequest: forgetModel,
  onToken: () => getModel().catch(() => {}),
  onPictures: showPictures,
  onStatus,
});
const pictures = new Pictures(
  {gallery: $('gallery'), bar: $('picture-bar'), count: $('picture-count')}, getModel, () => engine);

/** Have another engine answer everything. @param {Engine} next */
async function useEngine(next) {
  engine = next;
  model = awaited = null;
  standsInFor = '';
  showEngine();
  const asked = getModel();
  live.useEngine(next);
  await asked.catch((error) => engine === next && live.narrator.tell(sentence(error.message)));
}

/**
 * Have the device stand in for a server that is full or gone, and a server for a device that cannot.
 * @param {import('./engine.js').Status} status of the stream
 */
function onStatus(status) {
  if (!server || !device) return;
  if (engine === server && status.state === 'waiting' && live.state === 'on' && !hasFailed) {
    const isFull = status.code === FULL;
    // A full server still gives the models' files; one that is gone does not, and may be back in a moment.
    if (!isFull && (status.nFailed < 2 || device.prefetched !== model?.name)) return;
    void useEngine(device);
    standsInFor = `The server is ${isFull ? 'full' : 'gone'}: this device does the work now.`;
  } else if (standsInFor && status.state === 'refused') {
    hasFailed = true;
    void useEngine(server);
  }
}

function showEngine() {
  $('privacy').textContent = engine.privacy();
  $('picture-foot').textContent = engine === device ? 'The pictures stay in this browser.'
    : `Before the browser sends a picture, it removes place and date, and scales a large one down to ${PICTURE_PX} px.`;
  $('switch').hidden = !(server && device);
  $('switch').textContent = engine === device ? 'Compute on the server' : 'Compute on this device';
}

/** @returns {Promise<Model>} */
async function getModel() {
  if (!model) {
    const asked = engine;
    const standard = await asked.fetchModel();
    if (asked !== engine) return getModel();
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
    void keepForLater(() => live.state === 'off' && !pictures.entries.length);
  }
  if (standsInFor) live.narrator.tell(standsInFor);
  standsInFor = '';
  prefetchLater();
}

/** Have the device read the model's files soon, where it may have to stand in for the server. */
function prefetchLater() {
  clearTimeout(prefetching);
  prefetching = setTimeout(() => {
    if (device && engine === server && model && device.prefetched !== model.name) void device.prefetch(model.name);
  }, PREFETCH_AFTER_MS);
}

/** Have everything answered by another model from now on. @param {string} name */
async function switchModel(name) {
  const next = await engine.fetchModel(name); // which loads it
  chooseModel(name, next.models[0]);
  if (live.stream.setModel(name)) awaited = next;
  else useModel(next);
  prefetchLater();
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
  const isOn = ['asking', 'on', 'paused'].includes(live.state);
  wasOn = isOn && !live.film.name;
  if (isOn) live.stop();
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
    live.narrator.tell(`The model stays the same. ${sentence(error instanceof Error ? error.message : String(error))}`);
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
