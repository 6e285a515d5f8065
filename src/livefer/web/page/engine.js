// @ts-check
/**
 * Where faces are recognised: by the server (server.js), or on this device (device.js). Types only: both
 * are used through these, and the rest of the page does not know which one answers.
 */

/** @typedef {'server' | 'device'} Kind */
/**
 * @typedef {{box: number[], heatmap_box?: number[], score: number, track_id: number | null,
 *   label: string, second_label: string, confidence: number, uncertain: boolean,
 *   answer: string, probabilities: Record<string, number>, raw_probabilities: Record<string, number>,
 *   profile: string | null, why: string | null, sharpness: number, brightness: number,
 *   plain_probabilities?: Record<string, number>,
 *   heatmap_png?: string, heatmap?: {size: number, values: Uint8Array}, heat?: HTMLCanvasElement | null}} Face
 *   the server sends its heat map as a PNG, the device as values
 * @typedef {{name: string, models: string[], version: string, classes: string[],
 *   colours: Record<string, string>, uncertain_below: number, prior: number}} Model
 * @typedef {{livefer_profile: number, name: string, model: string, expressions: Record<string, object>}} Profile
 *   of a person, as in the files of `livefer profile`
 * @typedef {{type: 'result' | 'skipped' | 'error', number: number, time_s: number, reason?: string,
 *   size_wh: [number, number], faces: Face[], hint: string | null,
 *   timings_ms: Record<string, number>}} Reply
 * @typedef {{size_wh: [number, number], faces: Face[], timings_ms: Record<string, number>}} Found
 * @typedef {{state: 'idle' | 'open'}
 *   | {state: 'connecting', loaded?: number, total?: number}
 *   | {state: 'waiting', reason: string, code: number, retryAt: number, nFailed: number}
 *   | {state: 'refused', reason: string, code: number}} Status  loaded: bytes of models, on the device; nFailed: attempts
 * @typedef {{smoothing_s?: number, heatmap?: boolean, profile?: Profile | null}} StreamOptions
 * @typedef {{options: {model: string, profile: string | null}, reason?: string, restarted?: boolean}} InEffect
 *   restarted: faces count from 1 again
 * @typedef {{onStatus: (status: Status) => void, onHello: (hello: any) => void,
 *   onOptions: (message: InEffect) => void, onReply: (reply: Reply, delayMs: number) => void}} Listener
 */
/**
 * @typedef {{
 *   status: Status, wanted: StreamOptions,
 *   open: () => void, close: () => void, ready: () => boolean,
 *   take: (video: HTMLVideoElement) => Promise<any>,
 *   send: (picture: any, shownAt: number, timeS: number) => void,
 *   setOptions: (options: StreamOptions) => void,
 *   setModel: (model: string) => boolean, reset: () => void,
 * }} Stream
 *   take: the video's picture as `send` takes it, or null; shownAt: ms of performance.now();
 *   timeS: the frame's time in the stream
 */
/**
 * @typedef {{
 *   kind: Kind, newStream: (listener: Listener) => Stream,
 *   fetchModel: (name?: string) => Promise<Model>,
 *   fetchFaces: (file: File, model: string) => Promise<Found>,
 *   fetchProfile: (answers: Record<string, Record<string, number>[]>, model: string) => Promise<Profile>,
 *   fetchCard: () => Promise<{models: any[], rules: any}>,
 *   privacy: () => string,
 * }} Engine
 *   fetchCard: livefer.json, the models and the numbers of the rules
 */

export {};
