// @ts-check
/** Picture mode: a gallery of the visitor's pictures, each with its faces and heat maps. */

import {Card} from './cards.js';
import {button, element, percent} from './dom.js';
import {drawScaled, UNREADABLE} from './files.js';
import {decodeHeat} from './heat.js';
import {judged} from './judged.js';
import {withList} from './labels.js';
import {paintFaces} from './paint.js';
import {download, saveText, Session} from './session.js';
import {sentence} from './states.js';

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./engine.js').Model} Model */
/** @typedef {{file: File, root: HTMLElement, canvas: HTMLCanvasElement, text: HTMLElement,
 *   more: HTMLElement, plain: Face[], faces: Face[], size: [number, number], error: string | null, done: boolean,
 *   model: Model | null}} Entry  plain: the faces without the visitor's profile */

const SHOWN_PX = 1280;
const LARGE_PX = 2560;
const SAVED_PX = 4096; // some browsers limit a canvas to 16 million pixels
const TEXT_ROWS = 620; // a saved picture of this height has text of its normal size
const ROW_PX = 2; // of the gallery, as in style.css
const GAP_PX = 18; // below a picture
const OPEN_FACES = 2; // with more faces than this, a click shows the bars

export class Pictures {
  /**
   * @param {{gallery: HTMLElement, bar: HTMLElement, count: HTMLElement}} places
   * @param {() => Promise<Model>} getModel @param {() => import('./engine.js').Engine} getEngine
   */
  constructor(places, getModel, getEngine) {
    this.places = places;
    this.getModel = getModel;
    this.getEngine = getEngine;
    /** @type {Entry[]} */
    this.entries = [];
    this.heat = true;
    /** @type {import('./engine.js').Profile | null} */
    this.profile = null; // of the largest face's person
    this.queue = Promise.resolve();
    this.heights = new ResizeObserver((changed) => changed.forEach(({target}) => takeRows(target)));
  }

  /** @param {Iterable<File>} files */
  add(files) {
    const added = [...files].map((file) => this.makeEntry(file));
    this.entries.push(...added);
    this.places.gallery.prepend(...added.map((entry) => entry.root));
    for (const entry of added) this.heights.observe(entry.root);
    for (const entry of added) {
      // One after the other, not a hundred requests at once.
      this.queue = this.queue.then(() => this.read(entry));
    }
    this.showCount();
  }

  clear() {
    this.heights.disconnect();
    this.entries = [];
    this.places.gallery.replaceChildren();
    this.showCount();
  }

  /** Have every picture that was read answered again, by the model that is chosen now. */
  readAgain() {
    for (const entry of this.entries) {
      if (entry.model) this.queue = this.queue.then(() => this.read(entry));
    }
  }

  /** @param {boolean} heat */
  async setHeat(heat) {
    this.heat = heat;
    for (const entry of this.entries) if (entry.faces.length) await this.paint(entry);
  }

  /** Judge by a profile, or without one. @param {import('./engine.js').Profile | null} profile */
  setProfile(profile) {
    if (profile === this.profile) return;
    this.profile = profile;
    for (const entry of this.entries) {
      if (entry.plain.length) this.queue = this.queue.then(() => this.read(entry, false));
    }
  }

  /** @param {'csv' | 'json'} kind */
  async save(kind) {
    const model = await this.getModel();
    const session = new Session();
    for (const {file, faces, error, done, model: own} of this.entries) {
      if (done) session.add({source: file.name, index: 0, time_s: 0, n_skipped: 0, error, faces}, own ?? model);
    }
    saveText(kind, kind === 'csv' ? session.csv(model) : session.json(model));
  }

  /** @param {File} file @returns {Entry} */
  makeEntry(file) {
    const root = element('article', 'picture waiting');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', file.name);
    const caption = element('div', 'caption');
    const text = element('p', 'picture-text', 'Waiting…');
    caption.append(element('h3', '', file.name), text);
    const more = element('div', 'picture-more');
    root.append(canvas, caption, more);
    return {file, root, canvas, text, more, plain: [], faces: [], size: [1, 1], error: null, done: false, model: null};
  }

  /**
   * Have a picture answered, and show its faces as the visitor wishes them judged.
   * @param {Entry} entry @param {boolean} [anew] false: its answers are there
   */
  async read(entry, anew = true) {
    if (!this.entries.includes(entry)) return; // cleared in the meantime
    entry.more.replaceChildren();
    try {
      if (anew) {
        entry.root.className = 'picture waiting';
        entry.text.textContent = 'Looking for faces…';
        entry.model = await this.getModel();
        const answer = await this.getEngine().fetchFaces(entry.file, entry.model.name);
        await decodeHeat(answer.faces);
        entry.plain = answer.faces;
        entry.size = answer.size_wh;
      }
      const {plain, model} = entry;
      const {profile} = this;
      entry.faces = profile && model ? judged(plain, profile, model.name, await this.getEngine().fetchCard()) : plain;
      if (!this.entries.includes(entry)) return;
      entry.error = null;
      entry.root.className = 'picture';
      await this.paint(entry);
      await this.describe(entry);
    } catch (error) {
      entry.error = error instanceof Error ? error.message : String(error);
      entry.root.className = 'picture failed';
      entry.text.textContent = sentence(entry.error);
      if (entry.error !== UNREADABLE) {
        entry.more.append(button('Try again', () => {
          this.queue = this.queue.then(() => this.read(entry, anew));
        }));
      }
    }
    entry.done = true;
    this.showCount();
  }

  /** @param {Entry} entry */
  async paint(entry) {
    const isLarge = entry.root.classList.contains('large');
    // The text has the same size on all pictures of the page.
    await this.draw(entry, entry.canvas, isLarge ? LARGE_PX : SHOWN_PX, (w) => (
      w / (entry.canvas.clientWidth || w)));
  }

  /** Draw a picture with its faces on a canvas; return what makes a copy to keep, with a list of its badges. */
  async draw(
    /** @type {Entry} */ entry, /** @type {HTMLCanvasElement} */ canvas,
    /** @type {number} */ longSide, /** @type {(w: number, h: number) => number} */ unitOf,
  ) {
    const {colours} = entry.model ?? await this.getModel();
    const ctx = drawScaled(canvas, await createImageBitmap(entry.file), longSide);
    const {width: w, height: h} = canvas;
    const faces = this.heat ? entry.faces : entry.faces.map((face) => ({...face, heat: null}));
    const rect = {x: 0, y: 0, w, h};
    const view = {rect, size: entry.size, mirror: false, unit: unitOf(w, h), colours, badged: new Set()};
    const badged = paintFaces(ctx, faces, view);
    return () => withList(canvas, faces, badged, view);
  }

  /** Save a picture with its faces, in its own size. @param {Entry} entry */
  async savePicture(entry) {
    let canvas = document.createElement('canvas');
    try {
      const toKeep = await this.draw(entry, canvas, SAVED_PX, (w, h) => Math.max(0.8, Math.min(w, h) / TEXT_ROWS));
      canvas = toKeep();
    } catch { // the file has been deleted
      canvas = entry.canvas;
    }
    const name = `${entry.file.name.replace(/\.[^.]*$/, '')}-livefer.png`;
    canvas.toBlob((blob) => {
      if (blob) download(name, blob);
    });
  }

  /** @param {Entry} entry */
  async describe(entry) {
    const {file, root, canvas, text, more, faces} = entry;
    const model = entry.model ?? await this.getModel();
    const n = faces.length;
    root.classList.toggle('empty', n === 0);
    text.textContent = n === 0
      ? 'No face found. Faces that look towards the camera work best.'
      : `${n} face${n > 1 ? 's' : ''}: ${summary(faces)}`;
    canvas.setAttribute('aria-label', `${file.name}: ${text.textContent}`);
    if (n === 0) return;
    const details = /** @type {HTMLDetailsElement} */ (element('details'));
    details.open = n <= OPEN_FACES;
    details.append(element('summary', '', n > 1 ? 'Probabilities of each face, from left to right' : 'Probabilities'));
    faces.forEach((face, i) => {
      const card = new Card(n > 1 ? `Face ${i + 1}` : 'Face', model.classes, model.colours);
      card.update(face);
      details.append(card.root);
    });
    const large = button('Show large', () => {
      large.textContent = root.classList.toggle('large') ? 'Show small' : 'Show large';
      void this.paint(entry);
    });
    canvas.onclick = () => large.click();
    more.append(details, large, button('Save this picture', () => void this.savePicture(entry)));
  }

  showCount() {
    const n = this.entries.filter((entry) => !entry.error).length;
    this.places.bar.hidden = this.entries.length === 0;
    document.body.classList.toggle('has-pictures', this.entries.length > 0);
    const faces = this.entries.reduce((sum, entry) => sum + entry.faces.length, 0);
    this.places.count.textContent = `${n} picture${n === 1 ? '' : 's'}, ${faces} face${faces === 1 ? '' : 's'}`;
  }
}

/** Give a picture as many rows of the gallery as it is high. @param {Element} root */
function takeRows(root) {
  const rows = Math.ceil((root.getBoundingClientRect().height + GAP_PX) / ROW_PX);
  /** @type {HTMLElement} */ (root).style.gridRowEnd = `span ${rows}`;
}

/** @param {Face[]} faces @returns {string} "happy 94 %, sad or fear? 41 %"; of more than four, counts */
function summary(faces) {
  if (faces.length <= 4) return faces.map((face) => `${face.answer} ${percent(face.confidence)}`).join(', ');
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (const face of faces) {
    const name = face.uncertain ? 'uncertain' : face.label;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${n} ${name}`).join(', ');
}
