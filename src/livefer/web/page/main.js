// @ts-check
/** The page: its two modes, and the model that both show. */

import {alreadyAllowed, troubleOf} from './camera.js';
import {$, element, press, pressed} from './dom.js';
import {acceptPictures} from './files.js';
import {glyphElement} from './glyphs.js';
import {Live} from './live.js';
import {Pictures} from './pictures.js';
import {fetchModel, privacy, takeToken} from './server.js';

/** @typedef {import('./server.js').Model} Model */

/** @type {Model | null} */
let model = null;
let wasOn = false; // the camera, before the visitor went to the pictures

takeToken();
const live = new Live({onHello: useModel, onToken: () => getModel().catch(() => {}), onPictures: showPictures});
const pictures = new Pictures(
  {gallery: $('gallery'), bar: $('picture-bar'), count: $('picture-count')}, getModel);

/** @returns {Promise<Model>} */
async function getModel() {
  if (!model) useModel(await fetchModel());
  return /** @type {Model} */ (model);
}

/** Show the model. @param {any} message the server's hello, or its model card */
function useModel(message) {
  model = {...message, name: message.name ?? message.model};
  const {name, classes, colours, version, uncertain_below: limit} = /** @type {Model} */ (model);
  live.results.useModel(/** @type {Model} */ (model));
  $('version').textContent = version;
  $('model').textContent = `, model ${name},`;
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
$('privacy').textContent = privacy();

setInterval(() => live.tick(), 500);
getModel().catch((error) => {
  if (error.code === 'token') live.stream.open(); // to be refused, and then asked for the token
});
if (troubleOf(null) === 'insecure') live.fail('insecure');
else if (await alreadyAllowed()) live.start();
