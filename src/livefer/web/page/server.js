// @ts-check
/** The server: its address, its token, and its answers to single requests. */

import {PICTURE_PX, sendable} from './files.js';
import {forget, recall, remember} from './memory.js';
import {Stream} from './stream.js';

/** @typedef {import('./engine.js').Found} Found */
/** @typedef {import('./engine.js').Listener} Listener */
/** @typedef {import('./engine.js').Model} Model */
/** @typedef {import('./engine.js').Profile} Profile */

const TOKEN_KEY = 'livefer-token';
const MODEL_KEY = 'livefer-model-instead-of-';

let chosenModel = ''; // empty: the server's default
let token = ''; // that of this page, where the browser keeps none for the tab

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
  const given = here.searchParams.get('token');
  if (given === null) return;
  setToken(given);
  here.searchParams.delete('token');
  history.replaceState(null, '', here);
}

/** @returns {string} the token of this tab, or an empty text */
export function getToken() {
  return token || recall(TOKEN_KEY, 'sessionStorage');
}

/** @param {string} given */
export function setToken(given) {
  token = given;
  remember(TOKEN_KEY, given, 'sessionStorage');
}

/** @returns {string} the model that the visitor has chosen; empty: the server's default */
export function getChosenModel() {
  return chosenModel;
}

/** Choose a model, and remember it for this default. @param {string} name @param {string} standard */
export function chooseModel(name, standard) {
  chosenModel = name === standard ? '' : name;
  if (chosenModel) remember(MODEL_KEY + standard, name);
  else forget(MODEL_KEY + standard);
}

/** @param {string[]} models of the server, its default first @returns {string} that of an earlier visit */
export function rememberedModel(models) {
  const name = recall(MODEL_KEY + models[0]);
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

/** Recognition by the server. */
export class Server {
  constructor() {
    this.kind = /** @type {const} */ ('server');
    /** @type {Promise<any> | null} */
    this.card = null;
  }

  /** @param {Listener} listener @returns {Stream} */
  newStream(listener) {
    return new Stream(streamUrl, listener);
  }

  /** @param {string} [name] empty: the server's default @returns {Promise<Model>} */
  async fetchModel(name = '') {
    return request(name ? `v1/model?model=${encodeURIComponent(name)}` : 'v1/model');
  }

  /** Ask for the faces of one picture, with heat maps. @param {File} file @param {string} model @returns {Promise<Found>} */
  async fetchFaces(file, model) {
    const body = await sendable(file, PICTURE_PX);
    return request(`v1/faces?cam=1&model=${encodeURIComponent(model)}`, {
      method: 'POST', body, headers: {'Content-Type': 'application/octet-stream'},
    });
  }

  /**
   * Ask for the profile of a person who held some expressions.
   * @param {Record<string, Record<string, number>[]>} answers raw_probabilities of the frames, by expression
   * @param {string} model its name @returns {Promise<Profile>}
   */
  async fetchProfile(answers, model) {
    return request(`v1/profile?model=${encodeURIComponent(model)}`, {
      method: 'POST', body: JSON.stringify({answers}), headers: {'Content-Type': 'application/json'},
    });
  }

  /** @returns {Promise<any>} livefer.json */
  async fetchCard() {
    this.card ??= request('livefer.json');
    return this.card.catch((error) => {
      this.card = null; // another attempt may succeed
      throw error;
    });
  }

  /** @returns {string} where pictures go: to this computer, or to which host */
  privacy() {
    const local = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
    const where = local ? `on this computer (${location.host})` : `at ${location.host}`;
    return `Pictures go to the livefer server ${where} and nowhere else. The server stores nothing.`;
  }
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<any>} */
async function request(path, init = {}) {
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
