// @ts-check
/** The words for every state a visitor can meet. Knows nothing of where they are shown. */

/** @typedef {'insecure' | 'denied' | 'missing' | 'busy' | 'failed' | 'ended'} CameraTrouble */
/** @typedef {{icon: string, title: string, text: string, action?: string, other?: string,
 *   foot?: string, token?: boolean}} Notice */

const PICTURES = 'Use pictures instead';

/** @type {Record<CameraTrouble, Notice>} */
export const CAMERA_TROUBLE = {
  insecure: {
    icon: 'lock', title: 'This address is not secure enough for a camera',
    text: `Browsers give the camera only to https pages and to this computer itself. Open `
      + `http://localhost:${location.port || 80} on the machine that runs the server, or start it with `
      + '--ssl-certfile and --ssl-keyfile.',
    other: PICTURES,
  },
  denied: {
    icon: 'camera', title: 'The camera is blocked for this page',
    text: 'Select the camera or settings icon beside the address, allow the camera, then try again. '
      + 'If it is allowed there, look whether the system\'s own settings keep it from the browser.',
    action: 'Try again', other: PICTURES,
  },
  missing: {
    icon: 'camera', title: 'No camera found',
    text: 'Plug one in, or open its cover: it starts by itself once the browser sees it.',
    action: 'Look again', other: PICTURES,
  },
  busy: {
    icon: 'camera', title: 'Another program is using the camera',
    text: 'Close video calls and other pages that show the camera, then try again.',
    action: 'Try again', other: PICTURES,
  },
  failed: {
    icon: 'alert', title: 'The camera could not be started',
    text: 'Plug it in again or restart the browser, then try once more.',
    action: 'Try again', other: PICTURES,
  },
  ended: {
    icon: 'camera', title: 'The camera was disconnected',
    text: 'Plug it in again: it starts by itself once the browser sees it.',
    action: 'Try again', other: PICTURES,
  },
};

/** @type {Notice} */
export const WELCOME = {
  icon: 'face', title: 'See what your face says',
  text: 'Your camera\'s picture appears here, with the expression of every face in it, live.',
  action: 'Start the camera', other: PICTURES,
  foot: 'Your browser asks first. Nothing is kept.',
};

/** @type {Notice} */
export const ASKING = {
  icon: 'camera', title: 'Waiting for the camera',
  text: 'If your browser asks whether this page may use the camera, choose Allow.',
};

/** @param {string} reason @param {number} code @param {number} seconds until it is tried again */
export function gone(reason, code, seconds) {
  const foot = seconds > 0 ? `Trying again in ${seconds} s` : 'Trying again…';
  const title = code === 4429 ? 'The server is full' : 'The server is gone';
  const more = code === 4429 ? '' : ' The page comes back by itself as soon as the server does.';
  return {icon: 'link', title, text: sentence(reason) + more, action: 'Try now', foot};
}

/** @param {boolean} tried whether a token was given @returns {Notice} */
export function wantsToken(tried) {
  return {
    icon: 'lock', title: tried ? 'The server does not know this token' : 'The server asks for a token',
    text: 'The address that "livefer serve" prints ends with it: open that address, or enter the token here.',
    token: true,
  };
}

/** @param {string} reason @returns {Notice} */
export function refused(reason) {
  return {icon: 'alert', title: 'The server refused this page', text: sentence(reason), action: 'Try again'};
}

/** What helps when a frame shows too little, by the server's hint. */
export const HINTS = /** @type {Record<string, string>} */ ({
  'no face': 'No face in view. Look towards the camera.',
  'too dark': 'Too dark to see a face. A lamp or a window in front of you helps.',
  'too bright': 'Too bright to see a face. Less light on the camera helps.',
  blank: 'Nothing to see. Is the camera covered?',
  'face too small': 'Too far away to read. Come closer.',
});

export const PAUSED = 'Paused. No picture is sent.';
export const CONNECTING = 'Connecting to the server…';

/** @param {string} text @returns {string} with a capital and a full stop */
export function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
