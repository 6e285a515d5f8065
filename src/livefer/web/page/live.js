// @ts-check
/** The view: frames of a camera or a video to an engine, replies to the screen, notices in between. */

import {Camera, onPermission, troubleOf} from './camera.js';
import {$, press, pressed} from './dom.js';
import {Figures} from './figures.js';
import {Film} from './film.js';
import {decodeHeat} from './heat.js';
import {Narrator, NoticeBoard} from './notices.js';
import {Overlay} from './overlay.js';
import {OwnFace} from './own.js';
import {Results} from './results.js';
import {setToken} from './server.js';
import {download, fileName} from './session.js';
import {linkFor, noticeFor, standingFor} from './states.js';

/** @typedef {import('./states.js').ViewState} ViewState */
/** @typedef {import('./states.js').Trouble} Trouble */
/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./engine.js').Reply} Reply */
/** @typedef {import('./engine.js').Stream} Stream */
/**
 * @typedef {{shownAt: number, timeS: number, turn: number}} Moment  of a picture: when it was shown, in ms of
 *   performance.now(); its time in the stream; the turn it belongs to
 */

const BAD_REQUEST = 4400;
const JUMP_S = 1; // a video that goes on elsewhere shows other faces

export class Live {
  /**
   * @param {Engine} engine
   * @param {{onHello: (hello: any) => void, onOptions: (options: {model: string}) => void,
   *   onBadRequest: () => void, onToken: () => void, onPictures: () => void,
   *   onStatus: (status: import('./engine.js').Status) => void}} listener
   *   onStatus: of the stream, once it is shown
   */
  constructor(engine, listener) {
    /** @type {HTMLVideoElement} */
    this.video = $('video');
    this.listener = listener;
    this.overlay = new Overlay($('overlay'), this.video);
    this.narrator = new Narrator($('announce'), $('hint'));
    this.results = new Results(this.overlay, this.narrator);
    this.figures = new Figures($('fps'), $('latency'), $('skipped'), $('seen'));
    this.camera = new Camera(this.video, {onEnded: () => this.fail('ended')});
    this.film = new Film(this.video, {
      onPlaying: (playing) => this.onPlaying(playing),
      onSeek: () => this.forgetFaces(),
    });
    this.engine = engine;
    this.stream = this.newStream();
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
    /** @type {ViewState} */
    this.state = 'off';
    this.own = new OwnFace({
      send: (profile) => this.stream.setOptions({profile}),
      make: (answers, model) => this.engine.fetchProfile(answers, model),
      getRules: async () => (await this.engine.fetchCard()).rules,
      onPrompt: () => this.narrator.standing(this.standing()),
    });
    /** @type {import('./states.js').Waiting | null} */
    this.lost = null; // why the server does not answer, until it does
    this.tokenTried = false;
    this.mirrorChosen = false;
    this.smoothingChosen = false;
    this.filmTime = NaN; // of its last picture, in seconds
    /** @type {Moment | null} */
    this.newest = null; // picture, until it is sent
    this.turn = 0; // counts what is shown: another video, another place in it
    /** @type {number[]} the turns of frames without a reply yet */
    this.turns = [];
    this.listen();
    this.render();
    this.nextFrame();
  }

  /** @returns {Stream} of the engine in use */
  newStream() {
    const ofThis = (/** @type {(...about: any[]) => void} */ act) => (/** @type {any[]} */ ...about) => {
      if (stream === this.stream) act(...about); // else of an engine that is no longer in use
    };
    /** @type {Stream} */
    const stream = this.engine.newStream({
      onStatus: ofThis((status) => {
        if (status.state === 'refused' && status.code === BAD_REQUEST) this.listener.onBadRequest();
        this.render();
        this.listener.onStatus(status);
      }),
      onOptions: ofThis((message) => {
        this.own.onOptions(message);
        this.listener.onOptions(message.options);
      }),
      onHello: ofThis((hello) => {
        this.turns = [];
        this.results.connected();
        this.listener.onHello(hello);
        if (!this.smoothingChosen) showSmoothing(hello.options.smoothing_s);
        this.playFilm();
      }),
      onReply: ofThis((reply, delayMs) => this.onReply(reply, delayMs)),
    });
    return stream;
  }

  /** Have another engine answer from now on, with the same options. @param {Engine} engine */
  useEngine(engine) {
    const {wanted} = this.stream;
    const before = this.stream;
    this.engine = engine;
    this.lost = null;
    this.stream = this.newStream();
    before.close();
    this.stream.setOptions(wanted);
    if (this.state === 'on' || this.state === 'paused' || engine.kind === 'device') this.stream.open();
    this.render();
  }

  /** Switch the camera on, or show why that fails. @param {string} [deviceId] */
  async start(deviceId) {
    if (this.state === 'asking') return;
    if (this.film.name) this.forgetFaces();
    this.film.close();
    this.state = 'asking';
    this.stream.open(); // while the browser asks for the camera
    this.render();
    try {
      if (!await this.camera.open(deviceId)) return;
      this.state = 'on';
      if (!this.mirrorChosen) this.setMirror(this.camera.settings().facingMode !== 'environment');
      this.fitStage();
      await this.listCameras();
    } catch (error) {
      this.fail(troubleOf(error));
    }
    this.render();
  }

  /** Play a video file, or show why that fails. @param {File} file */
  async play(file) {
    this.camera.close();
    this.hideFaces();
    this.own.end();
    this.stream.open();
    this.forgetFaces();
    this.setMirror(false);
    this.mirrorChosen = false;
    const opening = this.film.open(file);
    const {address} = this.film;
    this.state = 'asking';
    this.render();
    const isPlayable = await opening;
    if (this.film.address !== address) return; // another one came
    if (!isPlayable) {
      this.fail('unplayable');
      return;
    }
    this.state = 'on';
    this.fitStage();
    this.playFilm();
    this.render();
  }

  /** Begin to play once there are answers: no picture of the file passes before. */
  playFilm() {
    if (this.film.name && this.stream.status.state === 'open' && this.state === 'on') void this.video.play();
  }

  /** Give the stage the shape of the picture. */
  fitStage() {
    $('stage').style.aspectRatio = `${this.video.videoWidth} / ${this.video.videoHeight}`;
  }

  /** Switch the camera off, or close the video; the recording stays. */
  stop() {
    this.camera.close();
    this.film.close();
    this.stream.close();
    this.hideFaces();
    this.newest = null;
    this.state = 'off';
    this.own.end();
    this.render();
  }

  /** @param {Trouble} trouble */
  fail(trouble) {
    this.stop();
    this.state = trouble;
    this.render();
  }

  togglePause() {
    if (this.film.name) {
      if (this.video.paused) void this.video.play();
      else this.video.pause();
    } else if (this.state === 'on') {
      this.video.pause();
      this.newest = null;
      this.state = 'paused';
    } else if (this.state === 'paused') {
      this.state = 'on';
      this.video.play();
    }
    this.render();
  }

  /** A video plays or pauses, by its own controls too. @param {boolean} playing */
  onPlaying(playing) {
    if (this.state !== 'on' && this.state !== 'paused') return;
    this.state = playing ? 'on' : 'paused';
    this.render();
  }

  /** Faces from here on are others. */
  forgetFaces() {
    this.turn += 1;
    this.stream.reset();
    this.results.restarted();
    this.filmTime = NaN;
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

  /** @returns {boolean} whether pictures are analysed: a film's picture is, too, where it stands still */
  analyses() {
    return this.state === 'on' || (this.state === 'paused' && Boolean(this.film.name));
  }

  /** A picture is shown: the newest one. */
  onFrame(/** @type {any} */ about) {
    this.nextFrame();
    if (!this.analyses()) return;
    const shownAt = performance.now();
    let timeS = shownAt / 1000;
    if (this.film.name) {
      timeS = about?.mediaTime ?? this.video.currentTime;
      if (timeS === this.filmTime) return; // the same picture
      if (Math.abs(timeS - this.filmTime) > JUMP_S) this.forgetFaces();
      this.filmTime = timeS;
    }
    this.newest = {shownAt, timeS, turn: this.turn};
    if (this.stream.status.state === 'idle') this.stream.open(); // the server closed an idle stream
    if (this.stream.status.state === 'open') this.figures.frameSeen(about?.presentedFrames);
    void this.sendNewest();
  }

  /**
   * Send the newest picture if the stream takes one now. Older ones are left out: none is ever queued. A reply does
   * not send it, because the next picture comes soon, and is newer.
   */
  async sendNewest() {
    const {stream, newest} = this;
    if (!newest || !this.analyses() || !stream.ready()) return;
    this.newest = null;
    this.figures.frameSent();
    const picture = await stream.take(this.video);
    if (!picture) return;
    if (newest.turn !== this.turn || !this.analyses() || stream !== this.stream) {
      picture.close?.();
      return;
    }
    this.turns.push(newest.turn);
    stream.send(picture, newest.shownAt, newest.timeS);
  }

  /** @param {Reply} reply @param {number} delayMs since its frame was shown */
  async onReply(reply, delayMs) {
    const turn = this.turns.shift();
    if (turn !== this.turn) return;
    if (reply.type !== 'result') {
      this.figures.frameSkipped();
      return;
    }
    if (!this.analyses()) return;
    this.figures.result(delayMs);
    const isFilm = Boolean(this.film.name);
    this.results.record(reply, this.film.name || this.camera.name(), this.figures.skippedSince(), isFilm);
    this.own.onReply(reply);
    await decodeHeat(reply.faces);
    if (turn === this.turn && this.analyses()) this.results.show(reply, isFilm);
  }

  /** Show the state: the notice on the stage, the line at the top, the controls. */
  render() {
    const {status} = this.stream;
    const running = this.state === 'on' || this.state === 'paused';
    if (status.state !== 'open') this.hideFaces();
    if (status.state === 'waiting') this.lost = status;
    else if (status.state !== 'connecting') this.lost = null;
    const situation = this.situation();
    this.board.show(noticeFor(situation));
    [$('link').dataset.state, $('link-text').textContent] = linkFor(situation);
    this.narrator.notice(this.board.title);
    this.narrator.standing(this.standing());
    $('tools').hidden = $('under').hidden = $('own').hidden = !running;
    $('own').hidden ||= Boolean(this.film.name);
    $('choose-field').hidden = Boolean(this.film.name);
    $('stage').classList.toggle('running', running);
    const paused = this.state === 'paused';
    $('pause').querySelector('span').textContent = !paused ? 'Pause' : this.film.name ? 'Play' : 'Resume';
    $('pause').querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-pause');
  }

  /** @returns {import('./states.js').Situation} */
  situation() {
    return {
      view: this.state, film: this.film.name, engine: this.engine.kind, status: this.stream.status, lost: this.lost,
      tokenTried: this.tokenTried,
    };
  }

  /** @returns {string | null} the text that stays on the picture */
  standing() {
    return standingFor(this.situation()) ?? this.own?.prompt ?? null;
  }

  /** Show what changes by the clock. */
  tick() {
    this.figures.show();
    this.results.tick();
    if (this.state === 'paused') void this.sendNewest(); // a film's last one may have come when the stream took none
    if (this.stream.status.state === 'waiting') this.render(); // counts down
  }

  /** The notice's button: connect again, or start the camera. */
  async onAction() {
    const {state} = this.stream.status;
    if (this.state === 'on' || this.state === 'paused' || state === 'refused') this.stream.open();
    if (this.state === 'on' || this.state === 'paused' || (state === 'refused' && this.engine.kind === 'device')) return;
    await this.start();
    if (!$('tools').hidden) $('pause').focus({preventScroll: true}); // the button has gone
  }

  /** Mirror the cameras from now on, or none. @param {boolean} on */
  keepMirror(on) {
    this.mirrorChosen = true;
    this.setMirror(on);
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
    $('mirror').onclick = () => this.keepMirror(!pressed('mirror'));
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
      this.forgetFaces();
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
