// @ts-check
/** A small drawn face for each class, so that its colour is not the only sign; and colours. */

const SIDE = 24;
const EYES = 'M8.7 9.6v1.3M15.3 9.6v1.3';
const GLYPHS = /** @type {Record<string, string>} */ ({
  angry: 'M6.8 7.6l3.7 2M17.2 7.6l-3.7 2M8.9 11v.9M15.1 11v.9M8.3 16.8c2.2-2.2 5.2-2.2 7.4 0',
  disgust: 'M7 8.7l3.5 1.5-3.5 1.3M17 8.7l-3.5 1.5 3.5 1.3M7.6 16.3c1.4-1.7 2.9-1.7 4.4 0s3 1.7 4.4-.6',
  fear: 'M6.8 8.4l3-1.8M17.2 8.4l-3-1.8M8.9 10.2v1.4M15.1 10.2v1.4M7.6 16.6l1.8-1.5 1.7 1.5 1.8-1.5 1.7 1.5 1.8-1.5',
  happy: `${EYES}M7.5 13.8c2.4 4 6.6 4 9 0z`,
  neutral: `${EYES}M8.5 15.5h7`,
  sad: 'M7 8.6l2.8-1.4M17 8.6l-2.8-1.4M8.7 10.5v1.2M15.3 10.5v1.2M8.3 16.9c1.8-2.5 5.6-2.5 7.4 0',
  surprise: 'M7 7.2c.8-.9 2-.9 2.8 0M14.2 7.2c.8-.9 2-.9 2.8 0M8.7 9.8v1.5M15.3 9.8v1.5M12 13.5a1.9 2.2 0 0 1 0 4.4 1.9 2.2 0 0 1 0-4.4',
});
const OTHER = `${EYES}M9 15.5h6`; // any other class

const PATHS = /** @type {Map<string, Path2D>} */ (new Map());

/** Draw the glyph of a class: a disc in its colour with dark lines. */
export function paintGlyph(
  /** @type {CanvasRenderingContext2D} */ ctx, /** @type {string} */ label, /** @type {number} */ x,
  /** @type {number} */ y, /** @type {number} */ side, /** @type {string} */ fill,
  /** @type {string} */ ink,
) {
  let path = PATHS.get(label);
  if (!path) PATHS.set(label, path = new Path2D(GLYPHS[label] ?? OTHER));
  ctx.save();
  ctx.translate(x, y);
  ctx.scale(side / SIDE, side / SIDE);
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.arc(SIDE / 2, SIDE / 2, SIDE / 2 - 0.5, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = ink;
  ctx.lineWidth = 1.7;
  ctx.lineCap = ctx.lineJoin = 'round';
  ctx.stroke(path);
  ctx.restore();
}

/** @param {string} label @param {string} colour @returns {SVGSVGElement} the glyph as an element */
export function glyphElement(label, colour) {
  const make = (/** @type {string} */ name, /** @type {Record<string, string>} */ attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = /** @type {SVGSVGElement} */ (
    make('svg', {viewBox: `0 0 ${SIDE} ${SIDE}`, class: 'glyph', 'aria-hidden': 'true'}));
  svg.append(
    make('circle', {cx: '12', cy: '12', r: '11.5', fill: colour}),
    make('path', {d: GLYPHS[label] ?? OTHER, class: 'glyph-lines', stroke: readableOn(colour)}),
  );
  return svg;
}

/** @param {string} colour #rrggbb @returns {string} near black or white, the more readable one */
export function readableOn(colour) {
  // Relative luminance, WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
  const [r, g, b] = rgb(colour).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#10141b' : '#ffffff';
}

/** @param {string} a @param {string} b @param {number} share of b @returns {string} */
export function mix(a, b, share) {
  const [x, y] = [rgb(a), rgb(b)];
  return `rgb(${x.map((v, i) => Math.round(v + (y[i] - v) * share)).join(' ')})`;
}

/** @param {string} colour #rrggbb @returns {number[]} */
function rgb(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}
