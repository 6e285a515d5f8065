// @ts-check
/** The camera: opened with words for every way in which that fails, chosen, watched, frames taken. */

/** @typedef {import('./states.js').CameraTrouble} CameraTrouble */

const LONG_SIDE_PX = 640; // the server needs no more; boxes come back in these pixels
const QUALITIES = [0.45, 0.6, 0.72, 0.82];
const SLOW_MS = 350;
const QUICK_MS = 150;

/** @returns {Promise<boolean>} whether the visitor has already allowed the camera for this page */
export async function alreadyAllowed() {
  try {
    const name = /** @type {PermissionName} */ ('camera');
    return (await navigator.permissions.query({name})).state === 'granted';
  } catch {
    return false; // Firefox does not tell: then there is a button
  }
}

/** Call back when the visitor changes the permission in the browser's own settings. */
export async function onPermission(/** @type {() => void} */ changed) {
  try {
    const name = /** @type {PermissionName} */ ('camera');
    (await navigator.permissions.query({name})).onchange = changed;
  } catch {
    // Firefox does not tell; "Try again" is there.
  }
}

/** @param {any} error what getUserMedia threw @returns {CameraTrouble} */
export function troubleOf(error) {
  if (!window.isSecureContext || !navigator.mediaDevices) return 'insecure';
  switch (error?.name) {
    case 'NotAllowedError': case 'SecurityError': return 'denied';
    case 'NotFoundError': case 'OverconstrainedError': return 'missing';
    case 'NotReadableError': case 'AbortError': return 'busy';
    default: return 'failed';
  }
}

export class Camera {
  /** @param {HTMLVideoElement} video @param {{onEnded: () => void}} listener */
  constructor(video, listener) {
    this.video = video;
    this.listener = listener;
    /** @type {MediaStream | null} */
    this.media = null;
    this.turn = 0;
  }

  /**
   * Open a camera, or the browser's choice of one.
   * @param {string} [deviceId]
   * @returns {Promise<boolean>} false when it was closed again while the visitor was asked
   */
  async open(deviceId) {
    if (!navigator.mediaDevices) throw new DOMException('no secure context', 'SecurityError');
    this.close();
    const wanted = {width: {ideal: 1280}, height: {ideal: 720}, frameRate: {ideal: 30}};
    const which = deviceId ? {deviceId: {exact: deviceId}} : {facingMode: 'user'};
    const {turn} = this;
    const media = await navigator.mediaDevices.getUserMedia({video: {...wanted, ...which}, audio: false});
    if (turn !== this.turn) {
      for (const track of media.getTracks()) track.stop();
      return false;
    }
    this.media = media;
    for (const track of media.getVideoTracks()) track.onended = () => this.listener.onEnded();
    this.video.srcObject = media;
    await this.video.play();
    return true;
  }

  /** Switch the camera off: its light goes out. */
  close() {
    this.turn += 1;
    for (const track of this.media?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.media = null;
    this.video.srcObject = null;
  }

  /** @returns {MediaTrackSettings} */
  settings() {
    return this.media?.getVideoTracks()[0]?.getSettings() ?? {};
  }

  /** @returns {string} */
  name() {
    return this.media?.getVideoTracks()[0]?.label || 'camera';
  }

  /** @returns {Promise<{id: string, name: string}[]>} the cameras; named once one was allowed */
  async list() {
    const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
    return devices.filter((device) => device.kind === 'videoinput' && device.deviceId)
      .map((device, i) => ({id: device.deviceId, name: device.label || `Camera ${i + 1}`}));
  }
}

/** Shrinks and encodes frames, with less quality while the way to the server is slow. */
export class FrameEncoder {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.level = QUALITIES.length - 1;
    this.busy = false;
    this.nextJudgement = 0;
  }

  /** @param {HTMLVideoElement} video @returns {Promise<ArrayBuffer | null>} JPEG, null if it fails */
  async encode(video) {
    this.busy = true;
    try {
      const scale = Math.min(1, LONG_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
      const width = Math.round(video.videoWidth * scale);
      const height = Math.round(video.videoHeight * scale);
      if (this.canvas.width !== width || this.canvas.height !== height) {
        this.canvas.width = width;
        this.canvas.height = height;
      }
      this.canvas.getContext('2d', {alpha: false})?.drawImage(video, 0, 0, width, height);
      const quality = QUALITIES[this.level];
      const blob = await new Promise((done) => this.canvas.toBlob(done, 'image/jpeg', quality));
      return blob ? await /** @type {Blob} */ (blob).arrayBuffer() : null;
    } finally {
      this.busy = false;
    }
  }

  /**
   * Choose the quality by what the way took beyond the server's own work. The size stays: boxes are
   * in its pixels, and the server would take a face for another if they jumped.
   * @param {number} wayMs
   */
  judge(wayMs) {
    const now = performance.now();
    if (now < this.nextJudgement || !Number.isFinite(wayMs)) return;
    this.nextJudgement = now + 1000;
    if (wayMs > SLOW_MS) this.level = Math.max(0, this.level - 1);
    else if (wayMs < QUICK_MS) this.level = Math.min(QUALITIES.length - 1, this.level + 1);
  }
}
