// @ts-check
/** A card for each face: its number, its answer, and a bar for each class. */

import {element, percent} from './dom.js';
import {glyphElement, readableOn} from './glyphs.js';

/** @typedef {import('./engine.js').Face} Face */

const LINGER_MS = 700; // a face missed in a frame or two keeps its card

/** A card; changed in place, so that its bars glide and a screen reader keeps its place. */
export class Card {
  /** @param {string} title @param {string[]} classes @param {Record<string, string>} colours */
  constructor(title, classes, colours) {
    this.colours = colours;
    this.root = element('section', 'card');
    this.root.setAttribute('aria-label', title);
    const head = element('header');
    this.glyph = element('span', 'card-glyph');
    this.name = element('strong');
    this.share = element('span', 'card-share');
    this.number = element('span', 'card-number', title);
    head.append(this.glyph, this.name, this.share, this.number);
    const list = element('ul', 'bars');
    this.rows = new Map(classes.map((label) => {
      const row = element('li');
      const bar = element('span', 'bar');
      const fill = element('i');
      fill.style.backgroundColor = colours[label];
      bar.append(fill);
      bar.setAttribute('aria-hidden', 'true');
      const value = element('span', 'value');
      row.append(element('span', 'name', label), bar, value);
      list.append(row);
      return [label, {row, fill, value}];
    }));
    this.own = element('p', 'card-own');
    this.root.append(head, this.own, list);
    this.label = '';
    this.seenAt = 0;
  }

  /** @param {Face} face */
  update(face) {
    this.seenAt = performance.now();
    if (this.label !== face.label) {
      this.label = face.label;
      const colour = this.colours[face.label] ?? '#969696';
      this.glyph.replaceChildren(glyphElement(face.label, colour));
      [this.number.style.backgroundColor, this.number.style.color] = [colour, readableOn(colour)];
    }
    this.name.textContent = face.answer;
    this.share.textContent = percent(face.confidence);
    this.root.classList.toggle('uncertain', face.uncertain);
    this.own.textContent = ownText(face);
    for (const [label, {row, fill, value}] of this.rows) {
      const share = face.probabilities[label] ?? 0;
      fill.style.transform = `scaleX(${share})`;
      value.textContent = percent(share);
      row.classList.toggle('first', label === face.label);
    }
  }
}

/** @param {Face} face @returns {string} whether a profile judged the face, and what it would be without */
function ownText({profile, plain_probabilities: plain}) {
  if (profile === null || !plain) return '';
  const [label, share] = Object.entries(plain).reduce((best, one) => (one[1] > best[1] ? one : best));
  const whose = profile === 'me' ? 'your own face' : `the profile ${profile}`;
  return `By ${whose}. Without: ${label} ${percent(share)}`;
}

/** The cards beside the camera, one for each track. */
export class Cards {
  /** @param {HTMLElement} root @param {HTMLElement} empty shown while there is no card */
  constructor(root, empty) {
    this.root = root;
    this.empty = empty;
    /** @type {Map<number | null, Card>} */
    this.cards = new Map();
    /** @type {Set<number | null>} */
    this.inView = new Set(); // the tracks of the last frame
    /** @type {string[]} */
    this.classes = [];
    this.colours = /** @type {Record<string, string>} */ ({});
  }

  /** @param {Face[]} faces of a frame, in the order of their tracks */
  show(faces) {
    this.inView = new Set(faces.map((face) => face.track_id));
    for (const face of faces) {
      let card = this.cards.get(face.track_id);
      if (!card) {
        card = new Card(`Face ${face.track_id}`, this.classes, this.colours);
        this.cards.set(face.track_id, card);
        this.root.append(card.root);
      }
      card.update(face);
    }
    this.removeGone();
  }

  /** Remove the cards of faces that have been away for a while. */
  removeGone() {
    const now = performance.now();
    for (const [id, card] of this.cards) {
      if (!this.inView.has(id) && now - card.seenAt > LINGER_MS) {
        card.root.remove();
        this.cards.delete(id);
      }
    }
    this.empty.hidden = this.cards.size > 0;
  }

  clear() {
    this.cards.clear();
    this.root.replaceChildren();
    this.empty.hidden = false;
  }
}
