// @ts-check
/** Camera mode: frames from the camera to the server, replies to the screen, notices in between. */

import {Camera, FrameEncoder, onPermission, troubleOf} from './camera.js';
import {$, press, pressed} from './dom.js';
import {Figures} from './figures.js';
import {decodeHeat} from './heat.js';
import {Narrator, NoticeBoard} from './notices.js';
import {Overlay} from './overlay.js';
import {OwnFace} from './own.js';
import {Results} from './results.js';
import {setToken, streamUrl} from './server.js';
import {download, fileName} from './session.js';
import {linkFor, noticeFor, standingFor} from './states.js';
import {Stream} from './stream.js';

/** @typedef {import('./states.js').CameraState} CameraState */
/** @typedef {import('./states.js').CameraTrouble} CameraTrouble */
/** @typedef {import('./stream.js').Reply} Reply */

const BAD_REQUEST = 4400;

export class Live {
  /**
   * @param {{onHello: (hello: any) => void, onOptions: (options: {model: string}) => void,
   *   onBadRequest: () => void, onToken: () => void, onPictures: () => void}} listener
   */
  constructor(listener) {
    /** @type {HTMLVideoElement} */
    this.video = $('video');
    this.overlay = new Overlay($('overlay'), this.video);
    this.narrator = new Narrator($('announce'), $('hint'));
    this.results = new Results(this.overlay, this.narrator);
    this.figures = new Figures($('fps'), $('latency'), $('skipped'), $('seen'));
    this.encoder = new FrameEncoder();
    this.camera = new Camera(this.video, {onEnded: () => this.fail('ended')});
    this.stream = new Stream(streamUrl, {
      onStatus: (status) => {
        if (status.state === 'refused' && status.code === BAD_REQUEST) listener.onBadRequest();
        this.render();
      },
      onOptions: (message) => {
        this.own.onOptions(message);
        listener.onOptions(message.options);
      },
      onHello: (hello) => {
        this.results.connected();
        listener.onHello(hello);
        if (!this.smoothingChosen) showSmoothing(hello.options.smoothing_s);
      },
      onReply: (reply, roundTripMs) => this.onReply(reply, roundTripMs),
    });
    this.board = new NoticeBoard($('notice'), {
      onAction: () => this.onAction(),
      onPictures: listener.onPictures,
      onToken: (token) => {
        setToken(token);
        this.tokenTried = true;
        this.stream.open();
        listener.onToken();
      },
    });
    /** @type {CameraState} */
    this.state = 'off';
    this.own = new OwnFace({
      send: (profile) => this.stream.setOptions({profile}),
      onPrompt: () => this.narrator.standing(this.standing()),
    });
    /** @type {import('./states.js').Waiting | null} */
    this.lost = null; // why the server does not answer, until it does
    this.tokenTried = false;
    this.mirrorChosen = false;
    this.smoothingChosen = false;
    this.listen();
    this.render();
    this.nextFrame();
  }

  /** Switch the camera on, or show why that fails. @param {string} [deviceId] */
  async start(deviceId) {
    if (this.state === 'asking') return;
    this.state = 'asking';
    this.stream.open(); // while the browser asks for the camera
    this.render();
    try {
      if (!await this.camera.open(deviceId)) return;
      this.state = 'on';
      if (!this.mirrorChosen) this.setMirror(this.camera.settings().facingMode !== 'environment');
      $('stage').style.aspectRatio = `${this.video.videoWidth} / ${this.video.videoHeight}`;
      await this.listCameras();
    } catch (error) {
      this.fail(troubleOf(error));
    }
    this.render();
  }

  /** Switch the camera off; the recording stays. */
  stop() {
    this.camera.close();
    this.stream.close();
    this.hideFaces();
    this.state = 'off';
    this.own.end();
    this.render();
  }

  /** @param {CameraTrouble} trouble */
  fail(trouble) {
    this.stop();
    this.state = trouble;
    this.render();
  }

  togglePause() {
    if (this.state === 'on') {
      this.video.pause();
      this.state = 'paused';
    } else if (this.state === 'paused') {
      this.state = 'on';
      this.video.play();
    }
    this.render();
  }

  hideFaces() {
    this.results.hide();
    this.figures.rest();
  }

  nextFrame() {
    const take = (/** @type {number} */ _now, /** @type {any} */ about) => this.onFrame(about);
    if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(take);
    else requestAnimationFrame((now) => take(now, null));
  }

  /** Send a frame when the stream takes one; frames are never queued. */
  async onFrame(/** @type {any} */ about) {
    this.nextFrame();
    if (this.state !== 'on') return;
    if (this.stream.status.state === 'idle') this.stream.open(); // the server closed an idle stream
    if (this.stream.status.state !== 'open') return;
    this.figures.frameSeen(about?.presentedFrames);
    if (!this.stream.ready() || this.encoder.busy) return;
    const takenAt = performance.now();
    const jpeg = await this.encoder.encode(this.video);
    if (!jpeg || this.state !== 'on') return;
    this.stream.send(jpeg, takenAt);
    this.figures.frameSent();
  }

  /** @param {Reply} reply @param {number} roundTripMs */
  async onReply(reply, roundTripMs) {
    if (reply.type !== 'result') {
      this.figures.frameSkipped();
      return;
    }
    if (this.state !== 'on') return;
    this.encoder.adapt(roundTripMs - reply.timings_ms.total);
    this.figures.result(roundTripMs);
    this.results.record(reply, this.camera.name(), this.figures.skippedSince());
    this.own.onReply(reply);
    await decodeHeat(reply.faces);
    if (this.state === 'on') this.results.show(reply);
  }

  /** Show the state: the notice on the stage, the line at the top, the controls. */
  render() {
    const {status} = this.stream;
    const running = this.state === 'on' || this.state === 'paused';
    if (status.state !== 'open') this.hideFaces();
    if (status.state === 'waiting') this.lost = status;
    else if (status.state !== 'connecting') this.lost = null;
    this.board.show(noticeFor(this.state, status, this.lost, this.tokenTried));
    [$('link').dataset.state, $('link-text').textContent] = linkFor(this.state, status);
    this.narrator.notice(this.board.title);
    this.narrator.standing(this.standing());
    $('tools').hidden = $('under').hidden = $('own').hidden = !running;
    $('stage').classList.toggle('running', running);
    const paused = this.state === 'paused';
    $('pause').querySelector('span').textContent = paused ? 'Resume' : 'Pause';
    $('pause').querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-pause');
  }

  /** @returns {string | null} the text that stays on the picture */
  standing() {
    return standingFor(this.state, this.stream.status, this.lost) ?? this.own?.prompt ?? null;
  }

  /** Show what changes by the clock. */
  tick() {
    this.figures.show();
    this.results.showLength();
    if (this.stream.status.state === 'waiting') this.render(); // counts down
  }

  /** The notice's button: connect again, or start the camera. */
  async onAction() {
    if (this.state === 'on' || this.stream.status.state === 'refused') this.stream.open();
    if (this.state === 'on') return;
    await this.start();
    if (!$('tools').hidden) $('pause').focus({preventScroll: true}); // the button has gone
  }

  /** @param {boolean} on */
  setMirror(on) {
    press('mirror', on);
    this.video.classList.toggle('mirrored', on);
    this.overlay.mirror = on;
    this.overlay.later();
  }

  async listCameras() {
    const list = await this.camera.list();
    const now = this.camera.settings().deviceId;
    $('choose').replaceChildren(...list.map(({id, name}) => new Option(name, id, false, id === now)));
    return list;
  }

  /** Connect the controls. */
  listen() {
    $('pause').onclick = () => this.togglePause();
    $('stop').onclick = () => this.stop();
    $('choose').onchange = () => this.start($('choose').value);
    $('snapshot').onclick = () => this.overlay.snapshot()
      .toBlob((png) => png && download(fileName('png'), png));
    $('mirror').onclick = () => {
      this.mirrorChosen = true;
      this.setMirror(!pressed('mirror'));
    };
    $('heat').onclick = () => {
      press('heat', !pressed('heat'));
      this.stream.setOptions({heatmap: pressed('heat')});
    };
    $('smoothing').oninput = () => {
      this.smoothingChosen = true;
      const seconds = Number($('smoothing').value);
      showSmoothing(seconds);
      this.stream.setOptions({smoothing_s: seconds});
    };
    $('reset').onclick = () => {
      this.results.reset();
      this.stream.reset();
    };
    navigator.mediaDevices?.addEventListener('devicechange', async () => {
      const list = await this.listCameras();
      if (list.length && (this.state === 'missing' || this.state === 'ended')) this.start();
    });
    onPermission(() => {
      if (this.state === 'denied') this.start();
    });
    addEventListener('online', () => this.stream.status.state === 'waiting' && this.stream.open());
  }
}

/** @param {number} seconds */
function showSmoothing(seconds) {
  $('smoothing').value = seconds;
  $('smoothing-value').textContent = seconds ? `${seconds.toFixed(1)} s` : 'off';
}
