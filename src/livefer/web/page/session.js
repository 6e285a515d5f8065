// @ts-check
/** Results recorded in this browser, for download as CSV (one row per face) or JSON. */

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {import('./engine.js').Model} Model */
/**
 * @typedef {{source: string, index: number, time_s: number, n_skipped: number, error: string | null,
 *   faces: Face[], model?: string}} Frame
 */

const MOST_FRAMES = 100_000; // an hour and a half at 18 per second; then the oldest are dropped
const PAUSE_S = 5; // between two frames, or a jump back: this time was not recorded
const TABLE_SCHEMA = 1;
// The columns of livefer's tables (tables/writing.py), so that the same programs read both.
const FRAME_COLUMNS = ['source', 'index', 'time_s', 'n_skipped', 'error', 'note'];
const FACE_COLUMNS = ['track_id', 'left', 'top', 'right', 'bottom', 'score',
  'label', 'second_label', 'confidence', 'uncertain', 'answer', 'profile',
  'why', 'sharpness', 'brightness'];

export class Session {
  constructor() {
    /** @type {Frame[]} */
    this.frames = [];
    /** @type {Map<string, string[]>} */
    this.models = new Map(); // the classes of each model that answered, by its name
    this.startedAt = new Date();
    this.firstAt = NaN;
    this.lengthS = 0; // without pauses, and without jumps in a film
    this.nForgotten = 0;
  }

  clear() {
    Object.assign(this, new Session());
  }

  /** @param {number} nSkipped since the last frame @returns {number} index of the next frame, from 0 */
  nextIndex(nSkipped) {
    const last = this.frames.at(-1);
    return last ? last.index + 1 + nSkipped : 0;
  }

  /** @param {number} at seconds by the page's clock @returns {number} since the first frame */
  seconds(at) {
    if (Number.isNaN(this.firstAt)) this.firstAt = at;
    return Math.round(1000 * (at - this.firstAt)) / 1000;
  }

  /** @param {Frame} frame @param {Model} model that answered */
  add(frame, {name, classes}) {
    if (!this.frames.length) this.startedAt = new Date();
    this.models.set(name, classes);
    const stepS = frame.time_s - (this.frames.at(-1)?.time_s ?? frame.time_s);
    if (stepS > 0 && stepS < PAUSE_S) this.lengthS += stepS;
    this.frames.push({...frame, model: name, faces: frame.faces.map(plain)});
    if (this.frames.length > MOST_FRAMES) {
      this.frames.splice(0, MOST_FRAMES / 100);
      this.nForgotten += MOST_FRAMES / 100;
    }
  }

  /** @param {Model} model of an empty recording @returns {string[]} the classes of all its models */
  classes(model) {
    return [...new Set([...this.models.values(), this.models.size ? [] : model.classes].flat())];
  }

  /** @param {Model} model of an empty recording @returns {string} a header, then a row per face or empty frame */
  csv(model) {
    const classes = this.classes(model);
    const raw = classes.map((name) => `raw_${name}`);
    const lines = [[...FRAME_COLUMNS, ...FACE_COLUMNS, ...classes, ...raw, 'schema']];
    const cells = FACE_COLUMNS.length + 2 * classes.length;
    for (const frame of this.frames) {
      const start = [frame.source, frame.index, frame.time_s, frame.n_skipped, frame.error, null];
      if (!frame.faces.length) lines.push([...start, ...Array(cells).fill(null), TABLE_SCHEMA].map(cell));
      for (const face of frame.faces) {
        lines.push([...start, face.track_id, ...face.box, face.score, face.label, face.second_label,
          face.confidence, face.uncertain, face.answer, face.profile,
          face.why, face.sharpness, face.brightness,
          ...classes.map((name) => face.probabilities[name]),
          ...classes.map((name) => face.raw_probabilities[name]), TABLE_SCHEMA].map(cell));
      }
    }
    return lines.map((line) => `${line.join(',')}\n`).join('');
  }

  /** @param {Model} model of an empty recording @returns {string} */
  json(model) {
    return JSON.stringify({
      schema: '1', livefer: model.version, model: [...this.models.keys()].join(', ') || model.name,
      classes: this.classes(model),
      started_at: this.startedAt.toISOString(), n_forgotten: this.nForgotten, frames: this.frames,
    }, null, 1);
  }
}

/** @param {Face} face @returns {Face} without its pixels */
function plain({heat: _heat, heatmap_png: _png, heatmap: _values, heatmap_box: _square, ...face}) {
  return face;
}

/** @param {any} value @returns {string} */
function cell(value) {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Download a file. @param {string} name @param {Blob} content */
export function download(name, content) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {'csv' | 'json'} kind @param {string} text */
export function saveText(kind, text) {
  const type = kind === 'csv' ? 'text/csv' : 'application/json';
  download(fileName(kind), new Blob([text], {type}));
}

/** @param {string} suffix @returns {string} a name that sorts by time, "livefer-2026-05-01-142503.csv" */
export function fileName(suffix) {
  const now = new Date();
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `livefer-${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}.${suffix}`;
}
