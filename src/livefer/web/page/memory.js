// @ts-check
/** What this browser keeps between visits. A browser that keeps nothing, as in private windows, is no error. */

/** @param {string} key @returns {string} what is kept, or an empty text */
export function recall(key) {
  try {
    return localStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} key @param {string} text @returns {boolean} whether the browser keeps it */
export function remember(key, text) {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} key */
export function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}
