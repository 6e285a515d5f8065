// @ts-check
/** Heat maps: the server's gray PNG in colours, transparent where it is cold. */

/** @typedef {import('./server.js').Face} Face */

const STOPS = [[0, '#2b2f96'], [0.3, '#2a9fd8'], [0.55, '#59dd74'], [0.78, '#f7d93b'], [1, '#e0421c']];
const STRONGEST = 0.58;

/** @type {Uint8ClampedArray | null} */
let table = null;

/** Decode the heat map of every face that has one into `face.heat`. @param {Face[]} faces */
export async function decodeHeat(faces) {
  await Promise.all(faces.map(async (face) => {
    face.heat = face.heatmap_png ? await colourHeat(face.heatmap_png).catch(() => null) : null;
    delete face.heatmap_png;
  }));
}

/** @param {string} png base64 @returns {Promise<HTMLCanvasElement>} */
async function colourHeat(png) {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const gray = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
  const canvas = document.createElement('canvas');
  canvas.width = gray.width;
  canvas.height = gray.height;
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {willReadFrequently: true}));
  ctx.drawImage(gray, 0, 0);
  gray.close();
  const pixels = ctx.getImageData(0, 0, canvas.width, canvas.height);
  const colours = table ??= makeTable();
  for (let i = 0; i < pixels.data.length; i += 4) {
    const heat = pixels.data[i];
    pixels.data.set(colours.subarray(4 * heat, 4 * heat + 4), i);
  }
  ctx.putImageData(pixels, 0, 0);
  return canvas;
}

/** @returns {Uint8ClampedArray} colour and opacity of the 256 values of heat */
function makeTable() {
  const canvas = document.createElement('canvas');
  canvas.width = 256;
  canvas.height = 1;
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {willReadFrequently: true}));
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
