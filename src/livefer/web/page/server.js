// @ts-check
/** The server: its address, its token, and its answers to single requests. */

/**
 * @typedef {{box: number[], heatmap_box?: number[], score: number, track_id: number | null,
 *   label: string, second_label: string, confidence: number, uncertain: boolean,
 *   answer: string, probabilities: Record<string, number>, raw_probabilities: Record<string, number>,
 *   profile: string | null, plain_probabilities?: Record<string, number>,
 *   heatmap_png?: string, heat?: HTMLCanvasElement | null}} Face
 * @typedef {{name: string, models: string[], version: string, classes: string[],
 *   colours: Record<string, string>, detector: string, uncertain_below: number, prior: number}} Model
 */
/**
 * @typedef {{livefer_profile: number, name: string, model: string, expressions: Record<string, object>}} Profile
 *   of a person, as in the files of `livefer profile`
 */

const TOKEN_KEY = 'livefer-token';
const MODEL_KEY = 'livefer-model-instead-of-';

let chosenModel = ''; // empty: the server's default

/** A refusal or a failure, with a message for the page. */
export class ServerError extends Error {
  /** @param {string} code @param {string} reason */
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }
}

/** Move the token out of the address, so that a copied link does not hold it. */
export function takeToken() {
  const here = new URL(location.href);
  const token = here.searchParams.get('token');
  if (token === null) return;
  setToken(token);
  here.searchParams.delete('token');
  history.replaceState(null, '', here);
}

/** @returns {string} the token of this tab, or an empty text */
export function getToken() {
  return sessionStorage.getItem(TOKEN_KEY) ?? '';
}

/** @param {string} token */
export function setToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** @returns {string} the model that the visitor has chosen; empty: the server's default */
export function getChosenModel() {
  return chosenModel;
}

/** Choose a model, and remember it for this default. @param {string} name @param {string} standard */
export function chooseModel(name, standard) {
  chosenModel = name === standard ? '' : name;
  if (chosenModel) localStorage.setItem(MODEL_KEY + standard, name);
  else localStorage.removeItem(MODEL_KEY + standard);
}

/** @param {string[]} models of the server, its default first @returns {string} that of an earlier visit */
export function rememberedModel(models) {
  const name = localStorage.getItem(MODEL_KEY + models[0]) ?? '';
  return models.includes(name) ? name : '';
}

/** Go back to the server's default, which may not be what it was. */
export function forgetModel() {
  chosenModel = '';
}

/** @returns {URL} the address of the stream */
export function streamUrl() {
  const url = new URL('v1/stream', document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (chosenModel) url.searchParams.set('model', chosenModel);
  if (getToken()) url.searchParams.set('token', getToken());
  return url;
}

/** @param {string} [name] empty: the server's default @returns {Promise<Model>} */
export async function fetchModel(name = '') {
  return request(name ? `v1/model?model=${encodeURIComponent(name)}` : 'v1/model', {});
}

/**
 * Ask for the faces of one picture, with heat maps.
 * @param {Blob} picture @param {string} model its name
 * @returns {Promise<{size_wh: [number, number], faces: Face[], timings_ms: Record<string, number>}>}
 */
export async function fetchFaces(picture, model) {
  return request(`v1/faces?cam=1&model=${encodeURIComponent(model)}`, {
    method: 'POST', body: picture, headers: {'Content-Type': picture.type},
  });
}

/**
 * Ask for the profile of a person who held some expressions.
 * @param {Record<string, Record<string, number>[]>} answers raw_probabilities of the frames, by expression
 * @param {string} model its name @returns {Promise<Profile>}
 */
export async function fetchProfile(answers, model) {
  return request(`v1/profile?model=${encodeURIComponent(model)}`, {
    method: 'POST', body: JSON.stringify({answers}), headers: {'Content-Type': 'application/json'},
  });
}

/** @returns {string} where pictures go: to this computer, or to which host */
export function privacy() {
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
  const where = local ? `on this computer (${location.host})` : `at ${location.host}`;
  return `Pictures go to the livefer server ${where} and nowhere else. The server stores nothing.`;
}

/** @param {string} path @param {RequestInit} init @returns {Promise<any>} */
async function request(path, init) {
  const headers = new Headers(init.headers);
  if (getToken()) headers.set('Authorization', `Bearer ${getToken()}`);
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {...init, headers});
  } catch {
    throw new ServerError('gone', 'The server does not answer. Is "livefer serve" running?');
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const reason = answer?.error?.reason ?? `The server answered ${response.status}.`;
  const code = response.status === 401 ? 'token' : (answer?.error?.code ?? String(response.status));
  throw new ServerError(code, reason);
}
