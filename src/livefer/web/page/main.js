// @ts-check
/** The page: brings camera, stream, overlay, cards, chart and controls together. */

import {alreadyAllowed, Camera, FrameEncoder, onPermission, troubleOf} from './camera.js';
import {Cards} from './cards.js';
import {Chart} from './chart.js';
import {Figures} from './figures.js';
import {glyphElement} from './glyphs.js';
import {decodeHeat} from './heat.js';
import {Narrator, NoticeBoard} from './notices.js';
import {Overlay} from './overlay.js';
import {acceptPictures, Pictures} from './pictures.js';
import {fetchModel, setToken, streamUrl, takeToken, whereTo} from './server.js';
import {download, fileName, saveText, Session} from './session.js';
import * as words from './states.js';
import {Stream} from './stream.js';

/** @typedef {import('./server.js').Model} Model */
/** @typedef {import('./server.js').Face} Face */
/** @typedef {import('./stream.js').Reply} Reply */

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ ($('video'));

/** @type {Model | null} */
let model = null;
/** @type {'off' | 'asking' | 'on' | 'paused' | words.CameraTrouble} */
let cameraState = 'off';
let mirrorChosen = false;
let smoothingChosen = false;
let tokenTried = false;
/** @type {Extract<import('./stream.js').Status, {state: 'waiting'}> | null} */
let lost = null; // why the server is not there, until it is
let shownAt = 0; // when the frame was taken whose faces are on screen, seconds
let firstId = 0; // what this connection's faces count from: the server begins each at 1 again,
let lastId = 0; // and in one session a number is one person's
let wasOn = false; // the camera, before the pictures were looked at

const overlay = new Overlay($('overlay'), video);
const cards = new Cards($('cards'), $('cards-empty'));
const chart = new Chart($('chart'));
const session = new Session();
const figures = new Figures($('fps'), $('latency'), $('skipped'), $('seen'));
const narrator = new Narrator($('announce'), $('hint'));
const board = new NoticeBoard($('notice'), {onAction, onPictures: showPictures, onToken});
const encoder = new FrameEncoder();
const camera = new Camera(video, {onEnded: () => cameraLost('ended')});
const stream = new Stream(streamUrl, {
  onStatus: render, onHello, onReply,
});
const pictures = new Pictures(
  {gallery: $('gallery'), bar: $('picture-bar'), count: $('picture-count')}, getModel);

/** Switch the camera on, with words for whatever keeps it from that. @param {string} [deviceId] */
async function start(deviceId) {
  if (cameraState === 'asking') return;
  cameraState = 'asking';
  stream.open(); // the server gets ready while the browser asks
  render();
  try {
    if (!await camera.open(deviceId)) return;
    cameraState = 'on';
    if (!mirrorChosen) setMirror(camera.settings().facingMode !== 'environment');
    $('stage').style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
    await listCameras();
  } catch (error) {
    cameraLost(troubleOf(error));
  }
  render();
}

/** Switch the camera off and forget what is on screen; the session stays for its download. */
function stop() {
  camera.close();
  stream.close();
  forgetFaces();
  cameraState = 'off';
  render();
}

/** @param {words.CameraTrouble} trouble */
function cameraLost(trouble) {
  stop();
  cameraState = trouble;
  render();
}

function forgetFaces() {
  overlay.clear();
  cards.clear();
  figures.rest();
}

/** Send a frame of the camera whenever there is a slot for it; older ones are never queued. */
async function onFrame(/** @type {number} */ now, /** @type {any} */ about) {
  nextFrame();
  if (cameraState !== 'on') return;
  if (stream.status.state === 'idle') stream.open(); // the server had closed it: nothing was sent
  if (stream.status.state !== 'open') return;
  figures.frameSeen(about?.presentedFrames);
  if (!stream.ready() || encoder.busy) return;
  const takenAt = performance.now();
  const jpeg = await encoder.encode(video);
  if (!jpeg || cameraState !== 'on') return;
  stream.send(jpeg, takenAt);
  figures.frameSent();
}

function nextFrame() {
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(onFrame);
  else requestAnimationFrame((now) => onFrame(now, null));
}

function onHello(/** @type {any} */ hello) {
  firstId = lastId;
  useModel(hello, hello.options);
}

/** @param {Reply} reply @param {number} roundTripMs */
async function onReply(reply, roundTripMs) {
  if (reply.type !== 'result') {
    figures.frameSkipped();
    return;
  }
  if (cameraState !== 'on') return;
  encoder.judge(roundTripMs - reply.timings_ms.total);
  figures.result(roundTripMs);
  for (const face of reply.faces) {
    face.track_id = firstId + /** @type {number} */ (face.track_id);
    lastId = Math.max(lastId, face.track_id);
  }
  const nSkipped = figures.skippedSince();
  session.add({
    source: camera.name(), index: session.nextIndex(nSkipped), time_s: session.seconds(reply.time_s),
    n_skipped: nSkipped, error: null, faces: reply.faces,
  });
  await decodeHeat(reply.faces);
  if (cameraState !== 'on' || reply.time_s < shownAt) return;
  shownAt = reply.time_s;
  const main = reply.faces.reduce((/** @type {Face | null} */ best, face) => (
    best && area(best) >= area(face) ? best : face), null);
  overlay.show(reply.faces, reply.size_wh);
  cards.show(reply.faces);
  chart.add(main, reply.time_s);
  $('chart-face').textContent = main && reply.faces.length > 1 ? `of face ${main.track_id}, the largest` : '';
  narrator.hint(reply.hint);
  narrator.face(main);
}

const area = (/** @type {Face} */ {box}) => (box[2] - box[0]) * (box[3] - box[1]);

/** Show what goes on: the notice that covers the stage, the line at the top, the controls. */
function render() {
  const {status} = stream;
  const running = cameraState === 'on' || cameraState === 'paused';
  if (status.state !== 'open') forgetFaces();
  if (status.state === 'waiting') lost = status;
  else if (status.state !== 'connecting') lost = null;
  if (cameraState === 'asking') board.show(words.ASKING);
  else if (cameraState !== 'off' && !running) board.show(words.CAMERA_TROUBLE[cameraState]);
  else if (status.state === 'refused') {
    board.show(status.code === 4401 ? words.wantsToken(tokenTried) : words.refused(status.reason));
  } else if (!running) board.show(words.WELCOME);
  else if (cameraState === 'on' && lost) {
    board.show(words.gone(lost.reason, lost.code, Math.ceil((lost.retryAt - performance.now()) / 1000)));
  } else board.hide();

  const [link, text] = cameraState === 'paused' ? ['idle', 'paused']
    : status.state === 'open' ? (running ? ['open', 'live'] : ['open', 'connected'])
      : status.state === 'connecting' ? ['busy', 'connecting'] : status.state === 'waiting' ? ['gone', 'server gone']
        : status.state === 'refused' ? ['gone', 'refused'] : ['idle', 'camera off'];
  $('link').dataset.state = link;
  $('link-text').textContent = text;
  narrator.notice(board.title);
  narrator.standing(cameraState === 'paused' ? words.PAUSED
    : cameraState === 'on' && status.state === 'connecting' && !lost ? words.CONNECTING : null);
  $('tools').hidden = $('under').hidden = !running;
  $('stage').classList.toggle('running', running);
  const paused = cameraState === 'paused';
  $('pause').querySelector('span').textContent = paused ? 'Resume' : 'Pause';
  $('pause').querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-pause');
}

/** The button of the notice: what it does depends on what the notice is about. */
async function onAction() {
  if (cameraState === 'on' || stream.status.state === 'refused') stream.open();
  if (cameraState === 'on') return;
  await start();
  if (!$('tools').hidden) $('pause').focus({preventScroll: true}); // the button itself has gone
}

/** @param {string} token */
function onToken(token) {
  setToken(token);
  tokenTried = true;
  stream.open();
  getModel().catch(() => {});
}

function togglePause() {
  if (cameraState === 'on') {
    video.pause();
    cameraState = 'paused';
  } else if (cameraState === 'paused') {
    cameraState = 'on';
    video.play();
  }
  render();
}

/** @param {boolean} on */
function setMirror(on) {
  press('mirror', on);
  video.classList.toggle('mirrored', on);
  overlay.mirror = on;
  overlay.later();
}

/** Say with a button whether what it switches is on. @param {string} id @param {boolean} on */
function press(id, on) {
  $(id).setAttribute('aria-pressed', String(on));
}

const pressed = (/** @type {string} */ id) => $(id).getAttribute('aria-pressed') === 'true';

async function listCameras() {
  const list = await camera.list();
  const now = camera.settings().deviceId;
  $('choose').replaceChildren(...list.map(({id, name}) => new Option(name, id, false, id === now)));
  return list;
}

/** @returns {Promise<Model>} */
async function getModel() {
  if (!model) useModel(await fetchModel(), null);
  return /** @type {Model} */ (model);
}

/** Take classes, colours and words from the server. */
function useModel(/** @type {any} */ told, /** @type {{smoothing_s: number} | null} */ options) {
  model = {...told, name: told.name ?? told.model};
  const {name, classes, colours, version, uncertain_below: limit} = /** @type {Model} */ (model);
  cards.classes = chart.classes = classes;
  cards.colours = chart.colours = overlay.colours = colours;
  $('version').textContent = version;
  $('model').textContent = `, model ${name},`;
  if (limit) $('uncertain-below').textContent = `: the strongest has less than ${Math.round(100 * limit)}\u00a0%`;
  $('legend').replaceChildren(...classes.map((label) => {
    const item = document.createElement('li');
    item.append(glyphElement(label, colours[label]), label);
    return item;
  }));
  if (options && !smoothingChosen) showSmoothing(options.smoothing_s);
  chart.draw();
}

/** @param {number} seconds */
function showSmoothing(seconds) {
  $('smoothing').value = seconds;
  $('smoothing-value').textContent = seconds ? `${seconds.toFixed(1)} s` : 'off';
}

function showCamera() {
  setMode('camera');
  if (wasOn) start();
}

function showPictures() {
  wasOn = ['asking', 'on', 'paused'].includes(cameraState);
  if (wasOn) stop();
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

function listen() {
  $('mode-camera').onclick = () => $('camera').hidden && showCamera();
  $('mode-pictures').onclick = () => $('pictures').hidden && showPictures();
  $('pause').onclick = togglePause;
  $('stop').onclick = stop;
  $('snapshot').onclick = () => overlay.snapshot().toBlob((png) => png && download(fileName('png'), png));
  $('mirror').onclick = () => {
    mirrorChosen = true;
    setMirror(!pressed('mirror'));
  };
  $('heat').onclick = () => {
    press('heat', !pressed('heat'));
    stream.setOptions({heatmap: pressed('heat')});
  };
  $('smoothing').oninput = () => {
    smoothingChosen = true;
    const seconds = Number($('smoothing').value);
    showSmoothing(seconds);
    stream.setOptions({smoothing_s: seconds});
  };
  $('choose').onchange = () => start($('choose').value);
  $('csv').onclick = () => model && saveText('csv', session.csv(model.classes));
  $('json').onclick = () => model && saveText('json', session.json(model));
  $('reset').onclick = () => {
    session.clear();
    chart.clear();
    cards.clear();
    stream.reset();
    firstId = lastId = 0;
    showSession();
  };

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

  navigator.mediaDevices?.addEventListener('devicechange', async () => {
    const list = await listCameras();
    if (list.length && (cameraState === 'missing' || cameraState === 'ended')) start();
  });
  onPermission(() => {
    if (cameraState === 'denied') start();
  });
  addEventListener('online', () => stream.status.state === 'waiting' && stream.open());
}

function showSession() {
  const n = session.frames.length;
  for (const id of ['csv', 'json', 'reset']) $(id).disabled = n === 0;
  const last = n ? session.frames[n - 1].time_s : 0;
  const length = `${Math.floor(last / 60)}:${String(Math.floor(last % 60)).padStart(2, '0')}`;
  $('session-text').textContent = n ? `${length} recorded here` : 'Nothing recorded yet';
}

/** What changes by the clock and not by an event. */
function everyHalfSecond() {
  figures.show();
  showSession();
  if (stream.status.state === 'waiting') render(); // counts down
}

takeToken();
$('privacy').textContent = whereTo();
listen();
render();
nextFrame();
setInterval(everyHalfSecond, 500);
getModel().catch((error) => {
  if (error.code === 'token') stream.open(); // is refused, and so asks for the token
});
if (troubleOf(null) === 'insecure') cameraLost('insecure');
else if (await alreadyAllowed()) start();
