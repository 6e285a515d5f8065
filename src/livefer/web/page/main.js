// @ts-check
/** The page: its two modes, and the model that both show. */

import {alreadyAllowed, troubleOf} from './camera.js';
import {$, element, press, pressed} from './dom.js';
import {acceptPictures} from './files.js';
import {glyphElement} from './glyphs.js';
import {Live} from './live.js';
import {Pictures} from './pictures.js';
import {
  chooseModel, fetchModel, forgetModel, getChosenModel, privacy, rememberedModel, takeToken,
} from './server.js';

/** @typedef {import('./server.js').Model} Model */

const ABOUT = /** @type {Record<string, string>} */ ({
  human: 'what people see', fer2013: 'FER2013\'s labels',
});

/** @type {Model | null} */
let model = null;
/** @type {Model | null} */
let awaited = null; // shown once the stream's answers are its own
let wasOn = false; // the camera, before the visitor went to the pictures

takeToken();
const live = new Live({
  onHello,
  onOptions: (options) => awaited?.name === options.model && useModel(awaited),
  onBadRequest: forgetModel,
  onToken: () => getModel().catch(() => {}),
  onPictures: showPictures,
});
const pictures = new Pictures(
  {gallery: $('gallery'), bar: $('picture-bar'), count: $('picture-count')}, getModel);

/** @returns {Promise<Model>} */
async function getModel() {
  if (!model) {
    const standard = await fetchModel();
    const name = rememberedModel(standard.models);
    if (name) await switchModel(name);
    else useModel(standard);
  }
  return /** @type {Model} */ (model);
}

/** @param {any} hello of a connection, which may have been opened before the visitor's choice */
function onHello(hello) {
  const chosen = getChosenModel();
  if (chosen && chosen !== hello.model && hello.models.includes(chosen)) live.stream.setModel(chosen);
  else useModel(hello);
}

/** Have everything answered by another model from now on. @param {string} name */
async function switchModel(name) {
  const next = await fetchModel(name); // the server loads it
  chooseModel(name, next.models[0]);
  if (live.stream.setModel(name)) awaited = next;
  else useModel(next);
}

/** Show the model. @param {any} message the server's hello, or its model card */
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
  if (before && before !== name) pictures.readAgain();
  if (limit) $('uncertain-below').textContent = `reaches ${Math.round(100 * limit)}\u00a0%`;
  $('legend').replaceChildren(...classes.map((label) => {
    const item = element('li');
    item.append(glyphElement(label, colours[label]), label);
    return item;
  }));
}

function showCamera() {
  setMode('camera');
  if (wasOn) live.start();
}

function showPictures() {
  wasOn = ['asking', 'on', 'paused'].includes(live.state);
  if (wasOn) live.stop();
  setMode('pictures');
  $('pick').focus({preventScroll: true});
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
  pictures.add($('files').files);
  $('files').value = '';
};
acceptPictures((files) => {
  if ($('pictures').hidden) showPictures();
  pictures.add(files);
});
$('picture-heat').onclick = () => {
  press('picture-heat', !pressed('picture-heat'));
  pictures.setHeat(pressed('picture-heat'));
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
$('privacy').textContent = privacy();

setInterval(() => live.tick(), 500);
await getModel().catch((error) => {
  if (error.code === 'token') live.stream.open(); // to be refused, and then asked for the token
});
if (troubleOf(null) === 'insecure') live.fail('insecure');
else if (await alreadyAllowed()) live.start();
