// @ts-check
/** Helpers for the document: elements, toggle buttons, percentages. */

/** @param {string} id @returns {any} the element with this id */
export const $ = (id) => document.getElementById(id);

/** @param {string} tag @param {string} [name] @param {string} [text] @returns {HTMLElement} */
export function element(tag, name = '', text = '') {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

/** @param {string} text @param {() => void} onclick @returns {HTMLButtonElement} */
export function button(text, onclick) {
  const made = /** @type {HTMLButtonElement} */ (element('button', '', text));
  made.type = 'button';
  made.onclick = onclick;
  return made;
}

/** @param {number} share 0–1 @returns {string} "97 %" */
export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

/** Set the state of a toggle button. @param {string} id @param {boolean} on */
export function press(id, on) {
  $(id).setAttribute('aria-pressed', String(on));
}

/** @param {string} id @returns {boolean} the state of a toggle button */
export const pressed = (id) => $(id).getAttribute('aria-pressed') === 'true';
