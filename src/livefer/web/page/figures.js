// @ts-check
/** The figures below the picture: results per second, round trip, skipped frames. */

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
    this.nReported = 0;
    this.sinceSent = 0; // camera frames since the last one sent, and the next one sent
    this.presented = NaN;
    /** @type {{at: number, ms: number}[]} */
    this.results = [];
  }

  /** Count camera frames. @param {number | undefined} presented frames since the camera was opened */
  frameSeen(presented) {
    const step = (presented ?? NaN) - this.presented;
    const n = step >= 1 && step < 60 ? step : 1;
    this.presented = presented ?? NaN;
    this.nSeen += n;
    this.sinceSent += n;
  }

  /** The newest frame was sent; those before it are skipped. */
  frameSent() {
    this.nSkipped += Math.max(0, this.sinceSent - 1);
    this.sinceSent = 0;
  }

  /** The server skipped a frame, or could not read it. */
  frameSkipped() {
    this.nSkipped += 1;
  }

  /** @param {number} ms */
  result(ms) {
    this.results.push({at: performance.now(), ms});
  }

  /** @returns {number} frames skipped since the last call */
  skippedSince() {
    const n = this.nSkipped - this.nReported;
    this.nReported = this.nSkipped;
    return n;
  }

  /** No frames come for a while. */
  rest() {
    this.results = [];
    this.presented = NaN;
    this.sinceSent = 0;
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
