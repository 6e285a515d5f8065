// @ts-check
/** Files that are dropped or pasted anywhere on the page, and pictures scaled before they leave the browser. */

import {withoutMetadata} from './metadata.js';

export const UNREADABLE = 'The browser cannot read this file as a picture';
/** Long side of a picture that is answered: small faces in a group are still found. */
export const PICTURE_PX = 2048;
const MOST_BYTES = 8_000_000; // of a picture that is sent as it is

/** Take files that are dropped or pasted. @param {(files: File[]) => void} take */
export function acceptFiles(take) {
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
    take([...event.dataTransfer?.files ?? []]); // a file that is neither picture nor video gets a card with its error
  });
  document.addEventListener('paste', (event) => {
    const files = [...event.clipboardData?.files ?? []].filter((file) => file.type.startsWith('image/'));
    if (files.length) take(files);
  });
}

/**
 * Return a picture without place and date, and not larger than the server needs. A small one keeps its pixels.
 * @param {File} file @param {number} longSide in pixels, at most @returns {Promise<Blob>}
 */
export async function sendable(file, longSide) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(UNREADABLE);
  });
  if (Math.max(picture.width, picture.height) <= longSide && file.size <= MOST_BYTES) {
    const bare = withoutMetadata(new Uint8Array(await file.arrayBuffer()));
    if (bare) {
      picture.close();
      return new Blob([/** @type {BlobPart} */ (bare)]);
    }
  }
  const canvas = document.createElement('canvas');
  drawScaled(canvas, picture, longSide);
  return new Promise((done, fail) => canvas.toBlob(
    (blob) => (blob ? done(blob) : fail(new Error('The browser could not scale the picture'))),
    'image/jpeg', 0.93));
}

/**
 * Give a canvas the size of a picture, at most `longSide`, and draw the picture on it.
 * @param {HTMLCanvasElement} canvas @param {ImageBitmap} picture which is closed @param {number} longSide
 * @returns {CanvasRenderingContext2D}
 */
export function drawScaled(canvas, picture, longSide) {
  const scale = Math.min(1, longSide / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  ctx.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return ctx;
}
