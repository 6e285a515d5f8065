// @ts-check
/** The text for every state of the page, and which text a state gets. Knows nothing of the document. */

/** @typedef {'insecure' | 'denied' | 'missing' | 'busy' | 'failed' | 'ended'} CameraTrouble */
/** @typedef {'off' | 'asking' | 'on' | 'paused' | CameraTrouble} CameraState */
/** @typedef {import('./stream.js').Status} Status */
/** @typedef {Extract<Status, {state: 'waiting'}>} Waiting */
/** @typedef {{icon: string, title: string, text: string, action?: string, other?: string,
 *   foot?: string, token?: boolean}} Notice */

const PICTURES = 'Use pictures instead';
const BAD_TOKEN = 4401;
const FULL = 4429;

/** @type {Record<CameraTrouble, Notice>} */
const CAMERA_TROUBLE = {
  insecure: {
    icon: 'lock', title: 'The camera needs a secure address',
    text: `Browsers allow the camera only on https pages and on this computer itself. Open `
      + `http://localhost:${location.port || 80} on the machine that runs the server, or start the `
      + 'server with --ssl-certfile and --ssl-keyfile.',
    other: PICTURES,
  },
  denied: {
    icon: 'camera', title: 'The camera is blocked for this page',
    text: 'Select the camera or settings icon beside the address, allow the camera, then try again. '
      + 'If the page is allowed there, check the camera settings of the system.',
    action: 'Try again', other: PICTURES,
  },
  missing: {
    icon: 'camera', title: 'No camera found',
    text: 'Plug in a camera, or open its cover. The page starts it once the browser finds it.',
    action: 'Try again', other: PICTURES,
  },
  busy: {
    icon: 'camera', title: 'Another program is using the camera',
    text: 'Close video calls and other pages that show the camera, then try again.',
    action: 'Try again', other: PICTURES,
  },
  failed: {
    icon: 'alert', title: 'The camera did not start',
    text: 'Plug it in again or restart the browser, then try again.',
    action: 'Try again', other: PICTURES,
  },
  ended: {
    icon: 'camera', title: 'The camera was disconnected',
    text: 'Plug it in again. The page starts it once the browser finds it.',
    action: 'Try again', other: PICTURES,
  },
};

/** @type {Notice} */
const WELCOME = {
  icon: 'face', title: 'See what your face shows',
  text: 'The camera\'s picture appears here, live, with the expression of every face.',
  action: 'Start the camera', other: PICTURES,
  foot: 'Your browser asks first. Nothing is stored.',
};

/** @type {Notice} */
const ASKING = {
  icon: 'camera', title: 'Waiting for the camera',
  text: 'If your browser asks whether this page may use the camera, choose Allow.',
};

/** Hints for a frame without a usable face, by the server's name for them. */
export const HINTS = /** @type {Record<string, string>} */ ({
  'no face': 'No face in view. Look towards the camera.',
  'too dark': 'Too dark to find a face. A lamp or a window in front of you helps.',
  'too bright': 'Too bright to find a face. Less light on the camera helps.',
  blank: 'The picture is blank. Is the camera covered?',
  'face too small': 'The face is too far away. Come closer.',
});

const PAUSED = 'Paused. No picture is sent.';
const CONNECTING = 'Connecting to the server…';

/**
 * Choose the notice that covers the stage.
 * @param {CameraState} camera
 * @param {Status} status of the stream
 * @param {Waiting | null} lost why the server does not answer, until it does
 * @param {boolean} tokenTried whether the visitor has entered a token
 * @returns {Notice | null}
 */
export function noticeFor(camera, status, lost, tokenTried) {
  if (camera === 'asking') return ASKING;
  if (camera !== 'off' && camera !== 'on' && camera !== 'paused') return CAMERA_TROUBLE[camera];
  if (status.state === 'refused') {
    return status.code === BAD_TOKEN ? tokenNotice(tokenTried) : {
      icon: 'alert', title: 'The server refused this page', text: sentence(status.reason), action: 'Try again',
    };
  }
  if (camera === 'off') return WELCOME;
  return camera === 'on' && lost ? goneNotice(lost) : null;
}

/** @param {CameraState} camera @param {Status} status @param {Waiting | null} lost
 *  @returns {string | null} the text that stays on the picture */
export function standingFor(camera, status, lost) {
  if (camera === 'paused') return PAUSED;
  return camera === 'on' && status.state === 'connecting' && !lost ? CONNECTING : null;
}

/** @param {CameraState} camera @param {Status} status
 *  @returns {[mark: string, text: string]} of the connection, for the top of the page */
export function linkFor(camera, status) {
  if (camera === 'paused') return ['idle', 'paused'];
  switch (status.state) {
    case 'open': return ['open', camera === 'on' ? 'live' : 'connected'];
    case 'connecting': return ['busy', 'connecting'];
    case 'waiting': return ['gone', 'server gone'];
    case 'refused': return ['gone', 'refused'];
    default: return ['idle', 'camera off'];
  }
}

/** @param {Waiting} lost @returns {Notice} */
function goneNotice({reason, code, retryAt}) {
  const seconds = Math.ceil((retryAt - performance.now()) / 1000);
  const foot = seconds > 0 ? `Trying again in ${seconds} s` : 'Trying again…';
  const title = code === FULL ? 'The server is full' : 'The server is gone';
  const more = code === FULL ? '' : ' The page reconnects once the server is back.';
  return {icon: 'link', title, text: sentence(reason) + more, action: 'Try now', foot};
}

/** @param {boolean} tried @returns {Notice} */
function tokenNotice(tried) {
  return {
    icon: 'lock', title: tried ? 'The token is wrong' : 'The server requires a token',
    text: 'The address that "livefer serve" prints contains the token: open that address, or enter the '
      + 'token here.',
    token: true,
  };
}

/** @param {string} text @returns {string} with a capital and a full stop */
export function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
