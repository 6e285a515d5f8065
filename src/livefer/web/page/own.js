// @ts-check
/** The visitor's own face: its enrolment, and its profile, which this browser keeps for each model. */

import {$, press} from './dom.js';
import {Enrolment, NEUTRAL} from './enrolment.js';
import {forget, recall, remember} from './memory.js';
import {download, fileName} from './session.js';
import {sentence} from './states.js';

/** @typedef {import('./engine.js').Model} Model */
/** @typedef {import('./engine.js').Profile} Profile */

const KEY = 'livefer-profile-'; // and the name of the model
const MOST_BYTES = 65_536; // of a file
const OFFER = 'Does your face look sad or angry at rest? Hold still for two seconds, and your own resting face counts as neutral.';

export class OwnFace {
  /**
   * @param {{send: (profile: Profile | null) => void, onPrompt: () => void, getRules: () => Promise<any>,
   *   make: (answers: Record<string, Record<string, number>[]>, model: string) => Promise<Profile>}} listener
   */
  constructor(listener) {
    this.listener = listener;
    /** @type {Model | null} */
    this.model = null;
    /** @type {Profile | null} */
    this.profile = null; // also while it is off
    this.on = false;
    this.kept = true; // the browser keeps it
    /** @type {Profile | null} */
    this.offered = null; // until the stream has taken or refused it
    /** @type {Enrolment | null} */
    this.enrolment = null;
    this.turn = 0; // counts enrolments
    this.message = '';
    this.listen();
    this.show();
  }

  /** @returns {string | null} what the visitor is to do now */
  get prompt() {
    return this.enrolment?.prompt ?? null;
  }

  /** @returns {Profile | null} of the visitor for this model, also while it is off */
  get known() {
    return this.profile ?? this.offered;
  }

  /** Take the profile that this browser has for a model; another model's is of no use. @param {Model} model */
  useModel(model) {
    if (model.name === this.model?.name) return;
    const before = this.on ? this.profile : null;
    this.end();
    this.model = model;
    this.profile = this.offered = null;
    this.on = false;
    this.message = before ? `Your own face is known to the model ${before.model} only: it is off here.` : '';
    const known = read(recall(KEY + model.name));
    if (known) this.offer(known);
    else if (before) this.listener.send(null);
    this.show();
  }

  /** The stream's options in effect. @param {{options: {model: string, profile: string | null}, reason?: string}} message */
  onOptions({options, reason}) {
    if (options.model !== this.model?.name) return;
    if (reason && options.profile === null && (this.offered || this.on)) {
      this.on = false;
      this.offered = null;
      this.message = sentence(reason);
    } else if (this.offered && options.profile !== null) {
      this.profile = this.offered;
      this.offered = null;
      this.on = true;
      this.kept = remember(KEY + this.profile.model, JSON.stringify(this.profile));
      this.message = '';
    }
    this.show();
  }

  /** @param {import('./engine.js').Reply} reply */
  async onReply(reply) {
    const {enrolment, model} = this;
    if (!enrolment || !model) return;
    const before = enrolment.prompt;
    const complete = enrolment.add(reply);
    if (before !== enrolment.prompt) this.show();
    if (!complete) return;
    if (!enrolment.left.length) this.end();
    try {
      const made = await this.listener.make(enrolment.answers, model.name);
      if (model === this.model) this.offer(made);
    } catch (error) {
      this.end();
      this.message = sentence(error instanceof Error ? error.message : String(error));
    }
    this.show();
  }

  /** @param {string[]} expressions */
  async enrol(expressions) {
    const turn = this.turn += 1;
    try {
      const {enrolment} = await this.listener.getRules();
      if (turn !== this.turn) return; // ended before it began
      this.enrolment = new Enrolment(expressions, enrolment);
      this.message = '';
    } catch (error) {
      this.message = sentence(error instanceof Error ? error.message : String(error));
    }
    this.show();
  }

  /** End the enrolment; what it has learned so far stays. */
  end() {
    this.turn += 1;
    this.enrolment = null;
    this.show();
  }

  /** @param {Profile} profile for the stream to judge by */
  offer(profile) {
    this.offered = profile;
    this.listener.send(profile);
  }

  /** Judge by the profile, or without it. @param {boolean} on */
  use(on) {
    this.on = on;
    this.message = '';
    this.listener.send(on ? this.profile : null);
    this.show();
  }

  forget() {
    if (this.profile) forget(KEY + this.profile.model);
    this.profile = null;
    this.use(false);
  }

  /** @param {File} file */
  async load(file) {
    try {
      if (file.size > MOST_BYTES) throw new Error();
      const profile = JSON.parse(await file.text());
      if (!profile.livefer_profile) throw new Error();
      this.offer(profile);
    } catch {
      this.message = `${file.name} is not a profile: expected the JSON file that Save or livefer profile writes.`;
    }
    this.show();
  }

  /** Show the state. */
  show() {
    const {enrolment, profile} = this;
    const visible = (/** @type {string} */ id, /** @type {unknown} */ is) => {
      $(id).hidden = !is;
    };
    visible('own-learn', !enrolment);
    $('own-learn').disabled = !this.model?.classes.includes(NEUTRAL);
    $('own-learn').querySelector('span').textContent = profile ? 'Learn anew' : 'My neutral face';
    for (const id of ['own-use', 'own-more', 'own-save', 'own-delete']) visible(id, !enrolment && profile);
    visible('own-load', !enrolment && !profile);
    visible('own-skip', enrolment?.optional());
    visible('own-stop', enrolment);
    press('own-use', this.on);
    const text = enrolment ? 'Follow the words on the picture.' : this.message || this.standing();
    if ($('own-text').textContent !== text) $('own-text').textContent = text;
    this.listener.onPrompt();
  }

  /** @returns {string} how faces are judged */
  standing() {
    if (!this.profile) return OFFER;
    if (!this.on) return 'Off: you are judged by the average face.';
    const others = Object.keys(this.profile.expressions).filter((name) => name !== NEUTRAL);
    const what = others.length ? `own resting face, and your own ${others.join(', ')}` : 'own resting face';
    const where = this.kept ? 'It is kept in this browser only.'
      : 'This browser keeps nothing: save it, to load it next time.';
    return `You are judged by your ${what}: try a faint smile. ${where}`;
  }

  listen() {
    $('own-learn').onclick = () => this.enrol([NEUTRAL]);
    $('own-more').onclick = () => {
      const others = this.model?.classes.filter((name) => name !== NEUTRAL) ?? [];
      this.enrol([NEUTRAL, ...others]);
    };
    $('own-skip').onclick = () => {
      this.enrolment?.leaveOut();
      if (this.enrolment?.left.length) this.show();
      else this.end();
    };
    $('own-stop').onclick = () => this.end();
    $('own-use').onclick = () => this.use(!this.on);
    $('own-delete').onclick = () => this.forget();
    $('own-save').onclick = () => download(fileName('profile.json'), new Blob(
      [`${JSON.stringify(this.profile, null, 2)}\n`], {type: 'application/json'}));
    $('own-load').onclick = () => $('own-file').click();
    $('own-file').onchange = () => {
      const [file] = $('own-file').files;
      if (file) this.load(file);
      $('own-file').value = '';
    };
  }
}

/** @param {string} text @returns {Profile | null} null where it is none */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
