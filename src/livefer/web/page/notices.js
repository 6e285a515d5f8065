// @ts-check
/** The places of text: the notice on the stage, the hint on the picture, and the screen reader's voice. */

import {hintFor} from './states.js';

/** @typedef {import('./states.js').Notice} Notice */
/** @typedef {import('./engine.js').Face} Face */

const HINT_AFTER_MS = 900; // no hint for a face that is lost for a moment
const SURE_AFTER_MS = 1500;
const QUIET_MS = 6000; // between two announcements of the main face
const TOLD_MS = 8000; // of an event

/** The notice that covers the stage. */
export class NoticeBoard {
  /**
   * @param {HTMLElement} root
   * @param {{onAction: () => void, onPictures: () => void, onToken: (token: string) => void}} listener
   */
  constructor(root, listener) {
    const part = (/** @type {string} */ id) => /** @type {any} */ (root.querySelector(`#${id}`));
    this.root = root;
    this.parts = {
      title: part('notice-title'), text: part('notice-text'), action: part('notice-action'),
      other: part('notice-other'), foot: part('notice-foot'), form: part('token-form'), progress: part('notice-progress'),
    };
    this.title = '';
    this.parts.action.onclick = listener.onAction;
    this.parts.other.onclick = listener.onPictures;
    this.parts.form.onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      listener.onToken(part('token').value.trim());
    };
  }

  /** @param {Notice | null} notice null hides the board */
  show(notice) {
    this.root.hidden = !notice;
    this.title = notice ? `${notice.title}. ${notice.text}` : '';
    if (notice) this.fill(notice);
  }

  /** @param {Notice} notice */
  fill({icon, title, text, action, other, foot, token, progress}) {
    const {parts} = this;
    const put = (/** @type {HTMLElement} */ place, /** @type {string | undefined} */ words) => {
      place.hidden = !words;
      if (place.textContent !== (words ?? '')) place.textContent = words ?? '';
    };
    this.root.querySelector('use')?.setAttribute('href', `#i-${icon}`);
    put(parts.title, title);
    put(parts.text, text);
    put(parts.action, action);
    put(parts.other, other);
    put(parts.foot, foot);
    parts.form.hidden = !token;
    parts.progress.hidden = progress === undefined;
    parts.progress.value = progress ?? 0;
  }
}

/** Hints on the picture, and a calm voice for screen readers. */
export class Narrator {
  /** @param {HTMLElement} voice an aria-live region @param {HTMLElement} place of the hint */
  constructor(voice, place) {
    this.voice = voice;
    this.place = place;
    this.standingText = /** @type {string | null} */ (null);
    this.toldText = /** @type {string | null} */ (null);
    this.toldTimer = 0;
    this.hintText = /** @type {string | null} */ (null);
    this.hintName = /** @type {string | null} */ (null);
    this.hintSince = 0;
    this.faceName = '';
    this.faceSince = 0;
    this.saidFace = '';
    this.saidAt = -Infinity;
    this.lastNotice = '';
  }

  /** @param {string} text */
  say(text) {
    if (this.voice.textContent !== text) this.voice.textContent = text;
  }

  /** Announce a notice once. @param {string} text */
  notice(text) {
    if (text && text !== this.lastNotice) this.say(text);
    this.lastNotice = text;
  }

  /** Keep a text on the picture until null removes it. @param {string | null} text */
  standing(text) {
    if (text && text !== this.standingText) this.say(text);
    this.standingText = text;
    this.hintName = this.hintText = null;
    this.show();
  }

  /** Tell of an event: on the picture for a while, unless a standing text is there. @param {string} text */
  tell(text) {
    this.say(text);
    this.toldText = text;
    clearTimeout(this.toldTimer);
    this.toldTimer = setTimeout(() => {
      this.toldText = null;
      this.show();
    }, TOLD_MS);
    this.show();
  }

  /** @param {string | null} name the engine's hint on this frame @param {boolean} isFilm */
  hint(name, isFilm) {
    const now = performance.now();
    if (name !== this.hintName) {
      this.hintName = name;
      this.hintSince = now;
    }
    if (!name) this.hintText = null;
    else if (now - this.hintSince >= HINT_AFTER_MS) {
      const text = hintFor(name, isFilm);
      if (!this.hintText && !this.standingText) this.say(text);
      this.hintText = text;
    }
    this.show();
  }

  /** Announce the answer of the main face once it is stable. @param {Face | null} face */
  face(face) {
    const now = performance.now();
    const name = face ? `Face ${face.track_id}: ${face.answer}` : '';
    if (name !== this.faceName) {
      this.faceName = name;
      this.faceSince = now;
    }
    const due = now - this.faceSince >= SURE_AFTER_MS && now - this.saidAt >= QUIET_MS;
    if (name && name !== this.saidFace && due) {
      this.say(name);
      this.saidFace = name;
      this.saidAt = now;
    }
  }

  /** Show the most important text on the picture. */
  show() {
    const text = this.standingText ?? this.toldText ?? this.hintText;
    this.place.hidden = !text;
    if (text && this.place.textContent !== text) this.place.textContent = text;
  }
}
