// @ts-check
/** Heat maps: gray values in colours, transparent where it is cold. */

/** @typedef {import('./engine.js').Face} Face */

const STOPS = [[0, '#2b2f96'], [0.3, '#2a9fd8'], [0.55, '#59dd74'], [0.78, '#f7d93b'], [1, '#e0421c']];
const STRONGEST = 0.58;

/** @type {Uint8ClampedArray | null} */
let table = null;

/** Draw the heat map of every face that has one as `face.heat`. @param {Face[]} faces */
export async function decodeHeat(faces) {
  await Promise.all(faces.map(async (face) => {
    face.heat = null;
    if (face.heatmap) face.heat = colour(face.heatmap.values, face.heatmap.size);
    else if (face.heatmap_png) face.heat = await decode(face.heatmap_png).catch(() => null);
    delete face.heatmap_png;
    delete face.heatmap;
  }));
}

/** @param {string} png gray, in base64 @returns {Promise<HTMLCanvasElement>} */
async function decode(png) {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const gray = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
  const {width: side} = gray;
  const ctx = newCanvas(side, side);
  ctx.drawImage(gray, 0, 0);
  gray.close();
  const {data} = ctx.getImageData(0, 0, side, side);
  return colour(Uint8Array.from({length: side * side}, (_, i) => data[4 * i]), side);
}

/** @param {Uint8Array} values side×side, 0 to 255 @param {number} side @returns {HTMLCanvasElement} */
function colour(values, side) {
  const ctx = newCanvas(side, side);
  const pixels = ctx.createImageData(side, side);
  const colours = table ??= makeTable();
  values.forEach((heat, i) => pixels.data.set(colours.subarray(4 * heat, 4 * heat + 4), 4 * i));
  ctx.putImageData(pixels, 0, 0);
  return ctx.canvas;
}

/** @param {number} width @param {number} height @returns {CanvasRenderingContext2D} of a canvas that is read */
function newCanvas(width, height) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {willReadFrequently: true}));
}

/** @returns {Uint8ClampedArray} colour and opacity of the 256 values of heat */
function makeTable() {
  const ctx = newCanvas(256, 1);
  const ramp = ctx.createLinearGradient(0, 0, 256, 0);
  for (const [at, colour] of STOPS) ramp.addColorStop(Number(at), String(colour));
  ctx.fillStyle = ramp;
  ctx.fillRect(0, 0, 256, 1);
  const {data} = ctx.getImageData(0, 0, 256, 1);
  for (let i = 0; i < 256; i += 1) {
    data[4 * i + 3] = 255 * Math.min(STRONGEST, Math.max(0, (1.1 * i) / 255 - 0.1));
  }
  return data;
}
