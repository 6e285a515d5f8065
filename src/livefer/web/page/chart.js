// @ts-check
/** The last 60 seconds of the main face: a lane for each class, filled to its probability. */

/** @typedef {import('./engine.js').Face} Face */
/** @typedef {{at: number, track: number | null, uncertain: boolean, shares: number[]}} Sample */
/**
 * @typedef {{ctx: CanvasRenderingContext2D, right: number, bottom: number, lane: number,
 *   x: (at: number) => number, ink: string, line: string, edge: string}} Plot
 */

const SPAN_S = 60;
const STEP_S = 0.1; // no screen shows samples closer than this apart
const GAP_S = 1.5; // a longer time without the face stays empty
const REDRAW_MS = 80;
const LEFT = 74; // of the lanes, beside their names

export class Chart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {string[]} */
    this.classes = [];
    this.colours = /** @type {Record<string, string>} */ ({});
    /** @type {Sample[]} */
    this.samples = [];
    this.now = 0; // capture time of the last result, in seconds
    this.drawnAt = -Infinity;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** @param {Face | null} face the main face, if any @param {number} at seconds */
  add(face, at) {
    this.now = at;
    const last = this.samples.at(-1);
    if (face && (!last || at - last.at >= STEP_S || last.track !== face.track_id)) {
      const shares = this.classes.map((label) => face.probabilities[label] ?? 0);
      this.samples.push({at, track: face.track_id, uncertain: face.uncertain, shares});
    }
    while (this.samples.length && at - this.samples[0].at > SPAN_S + GAP_S) this.samples.shift();
    if (performance.now() - this.drawnAt > REDRAW_MS) this.draw();
  }

  clear() {
    this.samples = [];
    this.draw();
  }

  /** @returns {string} the chart in words, for screen readers */
  summary() {
    if (!this.samples.length) return 'Chart of the main face\'s expressions, still empty';
    const means = this.classes.map((label, i) => ({
      label, mean: this.samples.reduce((sum, sample) => sum + sample.shares[i], 0) / this.samples.length,
    })).sort((a, b) => b.mean - a.mean);
    const named = means.slice(0, 2).map(({label, mean}) => `${label} ${Math.round(100 * mean)} %`);
    return `Main face in the last minute, on average: ${named.join(', ')}`;
  }

  draw() {
    this.drawnAt = performance.now();
    const {canvas, classes} = this;
    const box = canvas.getBoundingClientRect();
    if (!box.width || !classes.length) return;
    const [w, h] = [Math.round(box.width * devicePixelRatio), Math.round(box.height * devicePixelRatio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ctx.clearRect(0, 0, box.width, box.height);
    const style = getComputedStyle(canvas);
    const own = (/** @type {string} */ name) => style.getPropertyValue(name);
    const [right, bottom] = [box.width - 6, box.height - 20];
    /** @type {Plot} */
    const plot = {
      ctx, right, bottom, lane: bottom / classes.length,
      x: (at) => right - ((this.now - at) / SPAN_S) * (right - LEFT),
      ink: style.color, line: own('--line'), edge: own('--edge'),
    };
    ctx.font = `12.5px ${style.fontFamily}`;
    ctx.lineWidth = 1;
    ctx.textBaseline = 'middle';
    this.paintTimes(plot);
    const runs = this.runs();
    if (!runs.length) {
      ctx.textAlign = 'center';
      ctx.fillText('Empty until a face is in view', (LEFT + right) / 2, bottom / 2);
    }
    classes.forEach((_, i) => this.paintLane(plot, runs, i));
    this.paintNewcomers(plot, runs);
    canvas.setAttribute('aria-label', this.summary());
  }

  /** Draw the time axis. @param {Plot} plot */
  paintTimes({ctx, right, bottom, x, ink, line}) {
    const roomy = right - LEFT > 400;
    for (const ago of [60, 45, 30, 15, 0]) {
      const at = Math.round(x(this.now - ago)) + 0.5;
      ctx.strokeStyle = line;
      ctx.beginPath();
      ctx.moveTo(at, 2);
      ctx.lineTo(at, bottom);
      ctx.stroke();
      ctx.fillStyle = ink;
      ctx.textAlign = ago === 60 ? 'left' : ago === 0 ? 'right' : 'center';
      if (roomy || ago % 30 === 0) ctx.fillText(ago ? `${ago} s ago` : 'now', at, bottom + 11);
    }
  }

  /** Draw the lane of a class. @param {Plot} plot @param {Sample[][]} runs @param {number} i */
  paintLane(plot, runs, i) {
    const {ctx, right, bottom, lane, ink, line} = plot;
    const base = Math.round((i + 1) * lane) - 1;
    const high = lane - 5;
    ctx.fillStyle = ink;
    ctx.textAlign = 'right';
    ctx.fillText(this.classes[i], LEFT - 9, base - high / 2 + 1);
    ctx.strokeStyle = line;
    ctx.beginPath();
    ctx.moveTo(LEFT, base + 0.5);
    ctx.lineTo(right, base + 0.5);
    ctx.stroke();
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, 0, right - LEFT, bottom + 1);
    ctx.clip();
    for (const run of runs) this.paintRun(plot, run, i, base, high);
    ctx.restore();
  }

  /** Draw a stretch of a lane: an area with a line on top. */
  paintRun(
    /** @type {Plot} */ {ctx, x, edge}, /** @type {Sample[]} */ run, /** @type {number} */ i,
    /** @type {number} */ base, /** @type {number} */ high,
  ) {
    const y = (/** @type {Sample} */ {shares}) => base - high * shares[i];
    const end = x(run[run.length - 1].at);
    const start = Math.min(x(run[0].at), end - 3); // a single sample is visible, too
    const line = new Path2D();
    line.moveTo(start, y(run[0]));
    for (const sample of run) line.lineTo(x(sample.at), y(sample));
    const area = new Path2D(line);
    area.lineTo(end, base);
    area.lineTo(start, base);
    area.closePath();
    ctx.fillStyle = this.colours[this.classes[i]];
    ctx.globalAlpha = run[0].uncertain ? 0.3 : 0.9;
    ctx.fill(area);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = edge;
    ctx.lineWidth = 1;
    ctx.stroke(line);
  }

  /** @returns {Sample[][]} stretches of one face without a gap, all certain or all uncertain */
  runs() {
    /** @type {Sample[][]} */
    const runs = [];
    for (const sample of this.samples) {
      const run = runs.at(-1);
      const last = run?.at(-1);
      const joined = last && last.track === sample.track && sample.at - last.at < GAP_S;
      if (run && joined) run.push(sample);
      if (!joined) runs.push([sample]);
      else if (last.uncertain !== sample.uncertain) runs.push([sample]);
    }
    return runs;
  }

  /** Mark where another face became the main one. @param {Plot} plot @param {Sample[][]} runs */
  paintNewcomers({ctx, right, x, ink}, runs) {
    ctx.textAlign = 'left';
    ctx.fillStyle = ink;
    let free = LEFT; // from here on a number has room
    runs.forEach((run, n) => {
      const at = x(run[0].at);
      if (!n || run[0].track === runs[n - 1][0].track || at < free || at > right - 24) return;
      ctx.fillText(`#${run[0].track}`, at + 3, 9);
      free = at + 28;
    });
  }
}
