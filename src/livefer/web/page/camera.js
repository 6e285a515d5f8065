// @ts-check
/** The camera: opening it and naming what went wrong, the choice of one; and frames encoded for a server. */

/** @typedef {import('./states.js').Trouble} Trouble */

/** Long side of a frame that is answered, in whose pixels the boxes are: enough for faces before a camera. */
export const FRAME_PX = 640;
const QUALITIES = [0.45, 0.6, 0.72, 0.82];
const SLOW_MS = 350;
const QUICK_MS = 150;

/** @returns {Promise<boolean>} whether the browser has allowed the camera for this page before */
export async function alreadyAllowed() {
  try {
    const name = /** @type {PermissionName} */ ('camera');
    return (await navigator.permissions.query({name})).state === 'granted';
  } catch {
    return false; // Firefox has no such query: the page shows a button
  }
}

/** Call back when the permission changes in the settings of the browser. */
export async function onPermission(/** @type {() => void} */ changed) {
  try {
    const name = /** @type {PermissionName} */ ('camera');
    (await navigator.permissions.query({name})).onchange = changed;
  } catch {
    // Firefox has no such query: the page shows "Try again".
  }
}

/** @param {any} error of getUserMedia @returns {Trouble} */
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
   * Open a camera; without an id, the browser chooses one.
   * @param {string} [deviceId]
   * @returns {Promise<boolean>} false if `close` was called meanwhile, whatever the browser answered then
   */
  async open(deviceId) {
    if (!navigator.mediaDevices) throw new DOMException('no secure context', 'SecurityError');
    this.close();
    const wanted = {width: {ideal: 1280}, height: {ideal: 720}, frameRate: {ideal: 30}};
    const which = deviceId ? {deviceId: {exact: deviceId}} : {facingMode: 'user'};
    const {turn} = this;
    try {
      const media = await navigator.mediaDevices.getUserMedia({video: {...wanted, ...which}, audio: false});
      if (turn !== this.turn) {
        for (const track of media.getTracks()) track.stop();
        return false;
      }
      this.media = media;
      for (const track of media.getVideoTracks()) track.onended = () => this.listener.onEnded();
      this.video.srcObject = media;
      await this.video.play();
    } catch (error) {
      if (turn === this.turn) throw error;
    }
    return turn === this.turn;
  }

  /** Switch the camera off, with its light. */
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

  /** @returns {Promise<{id: string, name: string}[]>} the cameras, with names once one is allowed */
  async list() {
    const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
    return devices.filter((device) => device.kind === 'videoinput' && device.deviceId)
      .map((device, i) => ({id: device.deviceId, name: device.label || `Camera ${i + 1}`}));
  }
}

/** Scales and encodes frames, with a lower quality while the network is slow. */
export class FrameEncoder {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.level = QUALITIES.length - 1;
    this.busy = false;
    this.nextChange = 0;
  }

  /** @param {HTMLVideoElement} video @returns {Promise<ArrayBuffer | null>} JPEG, null if it fails */
  async encode(video) {
    this.busy = true;
    try {
      const scale = Math.min(1, FRAME_PX / Math.max(video.videoWidth, video.videoHeight));
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
   * Choose the quality by the round trip without the server's work. The size stays: boxes are in its
   * pixels, and a jump of the boxes would break the tracks.
   * @param {number} networkMs
   */
  adapt(networkMs) {
    const now = performance.now();
    if (now < this.nextChange || !Number.isFinite(networkMs)) return;
    this.nextChange = now + 1000;
    if (networkMs > SLOW_MS) this.level = Math.max(0, this.level - 1);
    else if (networkMs < QUICK_MS) this.level = Math.min(QUALITIES.length - 1, this.level + 1);
  }
}
