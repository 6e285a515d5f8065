// @ts-check
/**
 * Picture files without what is not the picture: place, date, camera, preview, comments, films behind it. The
 * pixels stay those of the file, bit by bit, which they would not if the browser wrote the picture anew.
 */

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_PARTS = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
const [SOI, EOI, SOS, EXIF] = [0xd8, 0xd9, 0xda, 0xe1];
const NAMED = [0xe0, 0xee]; // JFIF and Adobe: how colours are stored
const COMMENT = 0xfe;
const ORIENTATION = 0x112;

/** @param {Uint8Array} file @returns {Uint8Array | null} null for a file of another kind, or a damaged one */
export function withoutMetadata(file) {
  if (startsWith(file, [0xff, SOI])) return bareJpeg(file);
  if (startsWith(file, PNG)) return barePng(file);
  return bareWebp(file);
}

/** @param {Uint8Array} file @returns {Uint8Array | null} */
function bareJpeg(file) {
  const view = viewOf(file);
  const parts = [file.subarray(0, 2)];
  for (let at = 2; at + 1 < file.length;) {
    if (file[at] !== 0xff) return null;
    const marker = file[at + 1];
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    if (marker === EOI) return joined([...parts, file.subarray(at, at + 2)]);
    if (at + 4 > file.length) return null;
    let end = at + 2 + view.getUint16(at + 2);
    if (marker === SOS) end = endOfScan(file, end);
    if (end > file.length) return null;
    const part = file.subarray(at, end);
    const isApplications = marker >= 0xe0 && marker <= 0xef;
    if (marker === EXIF) parts.push(...turnOnly(part));
    else if (NAMED.includes(marker) || !(isApplications || marker === COMMENT)) parts.push(part);
    at = end;
  }
  return null; // without an end
}

/** @param {Uint8Array} file @param {number} at @returns {number} where the marker after a scan's data is */
function endOfScan(file, at) {
  for (let i = at; i + 1 < file.length; i += 1) {
    const isMarker = file[i] === 0xff && file[i + 1] !== 0 && !(file[i + 1] >= 0xd0 && file[i + 1] <= 0xd7);
    if (isMarker) return i;
  }
  return Infinity;
}

/** @param {Uint8Array} part an APP1 segment @returns {Uint8Array[]} one that says nothing but how the picture is turned, if it is */
function turnOnly(part) {
  const turn = orientationOf(part.subarray(4));
  if (turn < 2 || turn > 8) return [];
  // The header "Exif", a TIFF's header in big endian, and a directory with one entry.
  return [Uint8Array.from([
    0xff, EXIF, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8,
    0, 1, ORIENTATION >> 8, ORIENTATION & 255, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0, 0, 0, 0, 0,
  ])];
}

/** @param {Uint8Array} exif @returns {number} 1 where it names none */
function orientationOf(exif) {
  if (!startsWith(exif, [0x45, 0x78, 0x69, 0x66, 0, 0]) || exif.length < 14) return 1;
  const view = viewOf(exif.subarray(6));
  const little = view.getUint16(0) === 0x4949;
  const first = view.getUint32(4, little);
  if (first + 2 > view.byteLength) return 1;
  for (let i = 0, n = view.getUint16(first, little); i < n; i += 1) {
    const at = first + 2 + 12 * i;
    if (at + 12 > view.byteLength) return 1;
    if (view.getUint16(at, little) === ORIENTATION) return view.getUint16(at + 8, little);
  }
  return 1;
}

/** @param {Uint8Array} file @returns {Uint8Array | null} */
function barePng(file) {
  const view = viewOf(file);
  const parts = [file.subarray(0, PNG.length)];
  for (let at = PNG.length; at + 12 <= file.length;) {
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const end = at + 12 + view.getUint32(at);
    if (end > file.length || name === 'eXIf') return null; // which may turn the picture
    if (PNG_PARTS.includes(name)) parts.push(file.subarray(at, end));
    if (name === 'IEND') return joined(parts);
    at = end;
  }
  return null;
}

/** @param {Uint8Array} file @returns {Uint8Array | null} a file of the simple kinds, which have no room for metadata */
function bareWebp(file) {
  const text = (/** @type {number} */ from, /** @type {number} */ to) => String.fromCharCode(...file.subarray(from, to));
  if (text(0, 4) !== 'RIFF' || !['WEBPVP8 ', 'WEBPVP8L'].includes(text(8, 16))) return null;
  const end = 8 + viewOf(file).getUint32(4, true);
  return end > file.length ? null : file.slice(0, end);
}

/** @param {Uint8Array} bytes @param {number[]} start @returns {boolean} */
const startsWith = (bytes, start) => start.every((value, i) => bytes[i] === value);

/** @param {Uint8Array} bytes @returns {DataView} */
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @param {Uint8Array[]} parts @returns {Uint8Array} */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
