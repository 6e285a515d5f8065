// @ts-check
/** Files of a livefer folder, loaded with progress, and ONNX Runtime Web, which computes the networks. */

/** @typedef {import('./networks.js').Ort} Ort */
/**
 * @typedef {(loaded: number, total: number, what: string) => void} OnProgress bytes; what: the file that came last
 */

const MODULE = 'runtime/ort.wasm.min.mjs';
const GLUE = 'runtime/ort-wasm-simd-threaded.mjs';
const GZIP = [0x1f, 0x8b]; // the first bytes of a compressed file

/** What takes long to load of ONNX Runtime Web. */
export const WASM = 'runtime/ort-wasm-simd-threaded.wasm.gz';

/** The files of a folder that `livefer page` wrote; each is loaded once. */
export class Folder {
  /**
   * @param {string | URL} url of the folder, with or without a slash at its end
   * @param {{onProgress?: OnProgress, headers?: Record<string, string>}} [options] headers: sent with each request
   */
  constructor(url, {onProgress, headers = {}} = {}) {
    const text = String(url);
    this.url = new URL(text.endsWith('/') ? text : `${text}/`, globalThis.location?.href);
    this.onProgress = onProgress;
    this.headers = headers;
    /** @type {Record<string, number>} the sizes of files that may be loaded, by path */
    this.sizes = {};
    /** @type {Map<string, Promise<Uint8Array>>} */
    this.files = new Map();
    /** @type {Map<string, number>} bytes that have come, by path */
    this.loaded = new Map();
  }

  /** Report the progress of some files from now on. @param {string[]} files @param {Record<string, number>} sizes by path */
  expect(files, sizes) {
    this.sizes = Object.fromEntries(files.map((file) => [file, sizes[file] ?? 0]));
  }

  /** @param {string} path @returns {Promise<Uint8Array>} */
  load(path) {
    let file = this.files.get(path);
    if (!file) {
      file = this.fetch(path);
      this.files.set(path, file);
      file.catch(() => this.files.delete(path)); // another attempt may succeed
    }
    return file;
  }

  /** Forget what was loaded: the networks hold what they need. */
  free() {
    this.files.clear();
  }

  /** @param {string} path @returns {Promise<any>} */
  async json(path) {
    return JSON.parse(new TextDecoder().decode(await this.load(path)));
  }

  /** @param {string} path @returns {Promise<Uint8Array>} */
  async fetch(path) {
    const url = new URL(path, this.url);
    const response = await fetch(url, {headers: this.headers}).catch(() => null);
    if (!response?.ok || !response.body) {
      const why = response ? `status ${response.status}` : 'no answer';
      throw new Error(`${path} could not be loaded (${why}): is the page's folder complete, and is there a connection?`);
    }
    const reader = response.body.getReader();
    /** @type {Uint8Array[]} */
    const parts = [];
    let length = 0;
    const next = () => reader.read().catch(() => {
      throw new Error(`${path} could not be loaded whole: the connection ended`);
    });
    for (let part = await next(); !part.done; part = await next()) {
      parts.push(part.value);
      length += part.value.length;
      this.report(path, length);
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** @param {string} path @param {number} bytes */
  report(path, bytes) {
    if (!this.onProgress || !(path in this.sizes)) return;
    this.loaded.set(path, bytes);
    let [loaded, total] = [0, 0];
    for (const [file, size] of Object.entries(this.sizes)) {
      loaded += Math.min(this.loaded.get(file) ?? 0, size);
      total += size;
    }
    this.onProgress(loaded, total, path);
  }
}

/**
 * Load ONNX Runtime Web from a folder: one thread, because more need headers that static hosts do not send.
 * @param {Folder} folder @returns {Promise<{ort: Ort, done: () => void}>} done: to be called after the first session
 */
export async function loadOrt(folder) {
  if (typeof WebAssembly !== 'object') {
    throw new Error('this browser has no WebAssembly, in which the network runs: allow it, or use another browser');
  }
  const [ort, wasm] = await Promise.all([
    import(new URL(MODULE, folder.url).href).catch(() => {
      throw new Error(`${MODULE} could not be loaded: is the page's folder complete?`);
    }),
    folder.load(WASM).then(unpacked),
  ]);
  Object.assign(ort.env.wasm, {
    numThreads: 1, wasmPaths: {mjs: new URL(GLUE, folder.url).href}, wasmBinary: wasm,
  });
  ort.env.logLevel = 'error';
  return {ort, done: () => {
    ort.env.wasm.wasmBinary = undefined; // 14 MB, compiled by now
  }};
}

/**
 * Unpack a file. Some servers send a .gz file as one that the browser unpacks by itself.
 * @param {Uint8Array} bytes @returns {Promise<Uint8Array>}
 */
async function unpacked(bytes) {
  if (bytes[0] !== GZIP[0] || bytes[1] !== GZIP[1]) return bytes;
  const stream = new Blob([/** @type {any} */ (bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
