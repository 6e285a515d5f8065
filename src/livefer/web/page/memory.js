// @ts-check
/** What this browser keeps between visits. A browser that keeps nothing, as in private windows, is no error. */

/** @typedef {'localStorage' | 'sessionStorage'} Place  sessionStorage: of a tab */

/** @param {string} key @param {Place} [where] @returns {string} what is kept, or an empty text */
export function recall(key, where = 'localStorage') {
  try {
    return window[where].getItem(key) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} key @param {string} text @param {Place} [where] @returns {boolean} whether the browser keeps it */
export function remember(key, text, where = 'localStorage') {
  try {
    window[where].setItem(key, text);
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
