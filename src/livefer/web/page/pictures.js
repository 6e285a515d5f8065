// @ts-check
/** Picture mode: pictures dropped, pasted or chosen, each shown with its faces and heat maps. */

import {Card, element} from './cards.js';
import {decodeHeat} from './heat.js';
import {paintFaces, percent} from './overlay.js';
import {fetchFaces} from './server.js';
import {download, saveText, Session} from './session.js';
import {sentence} from './states.js';

/** @typedef {import('./server.js').Face} Face */
/** @typedef {import('./server.js').Model} Model */
/** @typedef {{file: File, root: HTMLElement, canvas: HTMLCanvasElement, text: HTMLElement,
 *   more: HTMLElement, faces: Face[], size: [number, number], error: string | null, done: boolean}} Entry */

const SENT_PX = 2048; // long side of what is sent: small faces in a group picture are still found
const SHOWN_PX = 1280;
const LARGE_PX = 2560; // long side of one that is shown large
const SAVED_PX = 4096; // browsers that take no more than 16 million pixels are in use
const TEXT_ROWS = 620; // a saved picture's height in pixels of the text's size, as of a snapshot's
const UNREADABLE = 'This file is no picture that the browser can read, or it is damaged';
const OPEN_FACES = 2; // with more, the bars wait behind a click

export class Pictures {
  /** @param {{gallery: HTMLElement, bar: HTMLElement, count: HTMLElement}} places */
  constructor(places, /** @type {() => Promise<Model>} */ getModel) {
    this.places = places;
    this.getModel = getModel;
    /** @type {Entry[]} */
    this.entries = [];
    this.heat = true;
    this.queue = Promise.resolve();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    const added = [...files].map((file) => this.makeEntry(file));
    this.entries.push(...added);
    this.places.gallery.prepend(...added.map((entry) => entry.root));
    for (const entry of added) {
      // One after the other: a hundred pictures dropped at once are no hundred requests at once.
      this.queue = this.queue.then(() => this.read(entry));
    }
    this.showCount();
  }

  clear() {
    this.entries = [];
    this.places.gallery.replaceChildren();
    this.showCount();
  }

  /** @param {boolean} heat */
  async setHeat(heat) {
    this.heat = heat;
    for (const entry of this.entries) if (entry.faces.length) await this.paint(entry);
  }

  /** @param {'csv' | 'json'} kind */
  async save(kind) {
    const model = await this.getModel();
    const session = new Session();
    for (const {file, faces, error, done} of this.entries) {
      if (done) session.add({source: file.name, index: 0, time_s: 0, n_skipped: 0, error, faces});
    }
    saveText(kind, kind === 'csv' ? session.csv(model.classes) : session.json(model));
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
    return {file, root, canvas, text, more, faces: [], size: [1, 1], error: null, done: false};
  }

  /** @param {Entry} entry */
  async read(entry) {
    if (!this.entries.includes(entry)) return; // cleared while it waited
    entry.more.replaceChildren();
    entry.root.className = 'picture waiting';
    entry.text.textContent = 'Looking for faces…';
    try {
      const answer = await fetchFaces(await shrink(entry.file, SENT_PX));
      await decodeHeat(answer.faces);
      if (!this.entries.includes(entry)) return;
      entry.faces = answer.faces;
      entry.size = answer.size_wh;
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
          this.queue = this.queue.then(() => this.read(entry));
        }));
      }
    }
    entry.done = true;
    this.showCount();
  }

  /** @param {Entry} entry */
  async paint(entry) {
    const isLarge = entry.root.classList.contains('large');
    // Text of one size on all pictures of the page.
    await this.draw(entry, entry.canvas, isLarge ? LARGE_PX : SHOWN_PX, (w) => (
      w / (entry.canvas.clientWidth || w)));
  }

  /** Draw a picture with its faces. */
  async draw(
    /** @type {Entry} */ entry, /** @type {HTMLCanvasElement} */ canvas,
    /** @type {number} */ longSide, /** @type {(w: number, h: number) => number} */ unitOf,
  ) {
    const {colours} = await this.getModel();
    const picture = await createImageBitmap(entry.file);
    const scale = Math.min(1, longSide / Math.max(picture.width, picture.height));
    const [w, h] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    [canvas.width, canvas.height] = [w, h];
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    ctx.drawImage(picture, 0, 0, w, h);
    picture.close();
    const faces = this.heat ? entry.faces : entry.faces.map((face) => ({...face, heat: null}));
    const rect = {x: 0, y: 0, w, h};
    const view = {rect, size: entry.size, mirror: false, unit: unitOf(w, h), colours, still: true};
    paintFaces(ctx, faces, view);
  }

  /** Save a picture with its faces in its own size. @param {Entry} entry */
  async savePicture(entry) {
    let canvas = document.createElement('canvas');
    try {
      await this.draw(entry, canvas, SAVED_PX, (w, h) => Math.max(0.8, Math.min(w, h) / TEXT_ROWS));
    } catch { // the file is not there any more
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
    const model = await this.getModel();
    const n = faces.length;
    root.classList.toggle('empty', n === 0);
    text.textContent = n === 0
      ? 'No face found. Faces that look towards the camera are found best.'
      : `${n} face${n > 1 ? 's' : ''}: ${summary(faces)}`;
    canvas.setAttribute('aria-label', `${file.name}: ${text.textContent}`);
    if (n === 0) return;
    const details = /** @type {HTMLDetailsElement} */ (element('details'));
    details.open = n <= OPEN_FACES;
    details.append(element('summary', '', n > 1 ? 'Bars of each face, from left to right' : 'Bars'));
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
    const n = this.entries.length;
    this.places.bar.hidden = n === 0;
    document.body.classList.toggle('has-pictures', n > 0);
    const faces = this.entries.reduce((sum, entry) => sum + entry.faces.length, 0);
    this.places.count.textContent = `${n} picture${n === 1 ? '' : 's'}, ${faces} face${faces === 1 ? '' : 's'}`;
  }
}

/** @param {Face[]} faces @returns {string} "happy 94 %, sad or fear? 41 %", or counts of a crowd */
function summary(faces) {
  if (faces.length <= 4) return faces.map((face) => `${face.answer} ${percent(face.confidence)}`).join(', ');
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (const face of faces) {
    const name = face.uncertain ? 'uncertain' : face.label;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${n} ${name}`).join(', ');
}

/** Let pictures be dropped or pasted anywhere on the page. */
export function acceptPictures(/** @type {(files: File[]) => void} */ take) {
  const images = (/** @type {DataTransfer | null} */ data) => (
    [...data?.files ?? []].filter((file) => file.type.startsWith('image/')));
  const holdsFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) document.body.classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    document.body.classList.remove('dragging');
    if (!holdsFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer?.files ?? []]); // what is no picture gets a card that says so
  });
  document.addEventListener('paste', (event) => {
    const files = images(event.clipboardData);
    if (files.length) take(files);
  });
}

/**
 * Draw a picture anew, upright and not larger than the server needs; place and date stay behind.
 * @param {File} file @param {number} longSide @returns {Promise<Blob>}
 */
async function shrink(file, longSide) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(UNREADABLE);
  });
  const scale = Math.min(1, longSide / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {alpha: false}));
  ctx.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((done, fail) => canvas.toBlob(
    (blob) => (blob ? done(blob) : fail(new Error('The picture could not be shrunk'))), 'image/jpeg', 0.93));
}

/** @param {string} text @param {() => void} onclick */
function button(text, onclick) {
  const made = /** @type {HTMLButtonElement} */ (element('button', '', text));
  made.type = 'button';
  made.onclick = onclick;
  return made;
}
