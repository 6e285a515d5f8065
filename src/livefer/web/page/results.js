// @ts-check
/** Results of the stream: shown on the picture, as cards and as a chart, and recorded for download. */

import {Cards} from './cards.js';
import {Chart} from './chart.js';
import {$} from './dom.js';
import {mainFace} from './road/boxes.js';
import {saveText, Session} from './session.js';

/** @typedef {import('./engine.js').Model} Model */
/** @typedef {import('./engine.js').Reply} Reply */

export class Results {
  /** @param {import('./overlay.js').Overlay} overlay @param {import('./notices.js').Narrator} narrator */
  constructor(overlay, narrator) {
    this.overlay = overlay;
    this.narrator = narrator;
    this.cards = new Cards($('cards'), $('cards-empty'));
    this.chart = new Chart($('chart'));
    this.session = new Session();
    /** @type {Model | null} */
    this.model = null;
    this.shownAt = 0; // capture time of the frame whose faces are shown, in seconds
    // Each stream counts its tracks from 1, but in one session a number has to stay with one face: a
    // stream counts on from `firstId`.
    this.firstId = 0;
    this.lastId = 0;
    $('csv').onclick = () => this.model && saveText('csv', this.session.csv(this.model));
    $('json').onclick = () => this.model && saveText('json', this.session.json(this.model));
  }

  /** @param {Model} model */
  useModel(model) {
    if (this.model && String(model.classes) !== String(this.model.classes)) {
      this.hide();
      this.chart.clear();
    }
    this.model = model;
    this.cards.classes = this.chart.classes = model.classes;
    this.cards.colours = this.chart.colours = this.overlay.colours = model.colours;
    this.chart.draw();
  }

  /** A new stream: its tracks are new faces. */
  connected() {
    this.firstId = this.lastId;
  }

  /** The next frame is not a later moment of what was shown: its faces are new, and its time may be any. */
  restarted() {
    this.connected();
    this.shownAt = -Infinity;
    this.hide();
    this.chart.clear();
  }

  /**
   * Number the faces of a reply within the session, and record them.
   * @param {Reply} reply @param {string} source @param {number} nSkipped frames since the last reply
   * @param {boolean} isFilm whose times are those of the file
   */
  record(reply, source, nSkipped, isFilm) {
    for (const face of reply.faces) {
      face.track_id = this.firstId + /** @type {number} */ (face.track_id);
      this.lastId = Math.max(this.lastId, face.track_id);
    }
    const index = this.session.nextIndex(nSkipped);
    const time_s = isFilm ? Math.round(1000 * reply.time_s) / 1000 : this.session.seconds(reply.time_s);
    if (!this.model) return;
    const {faces} = reply;
    this.session.add({source, index, time_s, n_skipped: nSkipped, error: null, faces}, this.model);
  }

  /** Show the faces of a reply, unless those of a later frame are there. @param {Reply} reply @param {boolean} isFilm */
  show({faces, size_wh: size, time_s: time, hint}, isFilm) {
    if (time < this.shownAt) return;
    this.shownAt = time;
    const main = mainFace(faces);
    this.overlay.show(faces, size);
    this.cards.show(faces);
    this.chart.add(main, time);
    $('chart-face').textContent = main && faces.length > 1 ? `of face ${main.track_id}, the largest` : '';
    this.narrator.hint(hint, isFilm);
    this.narrator.face(main);
  }

  /** Remove the faces from the screen; the recording stays. */
  hide() {
    this.overlay.clear();
    this.cards.clear();
  }

  /** Delete the recording; faces count from 1 again. */
  reset() {
    this.session.clear();
    this.firstId = this.lastId = 0;
    this.tick();
  }

  /** Show what changes by the clock: the length of the recording, and which faces are gone. */
  tick() {
    this.cards.removeGone();
    const n = this.session.frames.length;
    for (const id of ['csv', 'json', 'reset']) $(id).disabled = n === 0;
    const seconds = Math.floor(this.session.lengthS);
    const length = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    $('session-text').textContent = n ? `${length} recorded here` : 'Nothing recorded yet';
  }
}
