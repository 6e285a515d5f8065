// @ts-check
/** The honest figures below the picture: results a second, round trip, frames passed over. */

const WINDOW_MS = 2000;

export class Figures {
  /**
   * @param {HTMLElement} fps @param {HTMLElement} latency
   * @param {HTMLElement} skipped @param {HTMLElement} seen
   */
  constructor(fps, latency, skipped, seen) {
    this.places = {fps, latency, skipped, seen};
    this.nSeen = 0;
    this.nSkipped = 0;
    this.nTold = 0;
    this.unsettled = 0; // frames the camera gave since the last one that was sent
    this.presented = NaN;
    /** @type {{at: number, ms: number}[]} */
    this.results = [];
  }

  /** Count what the camera gave. @param {number | undefined} presented frames since it was opened */
  frameSeen(presented) {
    const step = (presented ?? NaN) - this.presented;
    const n = step >= 1 && step < 60 ? step : 1;
    this.presented = presented ?? NaN;
    this.nSeen += n;
    this.unsettled += n;
  }

  /** The newest of them was sent, those before it were passed over. */
  frameSent() {
    this.nSkipped += Math.max(0, this.unsettled - 1);
    this.unsettled = 0;
  }

  /** A frame was sent, but the server took a newer one or could not read it. */
  frameSkipped() {
    this.nSkipped += 1;
  }

  /** @param {number} ms */
  result(ms) {
    this.results.push({at: performance.now(), ms});
  }

  /** @returns {number} frames skipped since this was asked last */
  skippedSince() {
    const n = this.nSkipped - this.nTold;
    this.nTold = this.nSkipped;
    return n;
  }

  rest() {
    this.results = [];
    this.presented = NaN;
    this.unsettled = 0;
  }

  show() {
    const now = performance.now();
    this.results = this.results.filter(({at}) => now - at <= WINDOW_MS);
    const n = this.results.length;
    const sorted = this.results.map(({ms}) => ms).sort((a, b) => a - b);
    this.places.fps.textContent = (n / (WINDOW_MS / 1000)).toFixed(0);
    this.places.latency.textContent = n ? sorted[n >> 1].toFixed(0) : '–';
    this.places.skipped.textContent = String(this.nSkipped);
    this.places.seen.textContent = String(this.nSeen);
  }
}
