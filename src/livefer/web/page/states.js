// @ts-check
/** The text for every state of the page, and which text a state gets. Knows nothing of the document. */

/** @typedef {'insecure' | 'denied' | 'missing' | 'busy' | 'failed' | 'ended' | 'unplayable'} Trouble */
/** @typedef {'off' | 'asking' | 'on' | 'paused' | Trouble} ViewState */
/** @typedef {import('./engine.js').Kind} Kind */
/** @typedef {import('./engine.js').Status} Status */
/** @typedef {Extract<Status, {state: 'waiting'}>} Waiting */
/** @typedef {Extract<Status, {state: 'connecting'}>} Connecting */
/**
 * @typedef {{icon: string, title: string, text: string, action?: string, other?: string, foot?: string,
 *   token?: boolean, progress?: number}} Notice  other: the button to the pictures; progress: the share of the models
 *   that has been loaded
 */
/**
 * @typedef {{view: ViewState, film: string, engine: Kind, status: Status, lost: Waiting | null,
 *   tokenTried: boolean}} Situation
 *   film: the name of the video file that is shown, if any; status: of the stream; lost: why the server
 *   does not answer, until it does; tokenTried: whether the visitor has entered a token
 */

const FILES = 'Use pictures or a video';
const BAD_TOKEN = 4401;
/** The server's close code where it has no free place. */
export const FULL = 4429;

/** @type {Record<Trouble, Notice>} */
const TROUBLE = {
  insecure: {
    icon: 'lock', title: 'The camera needs a secure address',
    text: 'Browsers allow the camera only on https pages and on this computer itself.',
    other: FILES,
  },
  denied: {
    icon: 'camera', title: 'The camera is blocked for this page',
    text: 'Select the camera or settings icon beside the address, allow the camera, then try again. '
      + 'If the page is allowed there, check the camera settings of the system.',
    action: 'Try again', other: FILES,
  },
  missing: {
    icon: 'camera', title: 'No camera found',
    text: 'Plug in a camera, or open its cover. The page starts it once the browser finds it.',
    action: 'Try again', other: FILES,
  },
  busy: {
    icon: 'camera', title: 'Another program is using the camera',
    text: 'Close video calls and other pages that show the camera, then try again.',
    action: 'Try again', other: FILES,
  },
  failed: {
    icon: 'alert', title: 'The camera did not start',
    text: 'Plug it in again or restart the browser, then try again.',
    action: 'Try again', other: FILES,
  },
  ended: {
    icon: 'camera', title: 'The camera was disconnected',
    text: 'Plug it in again. The page starts it once the browser finds it.',
    action: 'Try again', other: FILES,
  },
  unplayable: {
    icon: 'alert', title: 'This video cannot be played',
    text: 'The browser does not know its format. Browsers play MP4 with H.264, and WebM.',
    action: 'Start the camera', other: 'Use another file',
  },
};
const INSECURE_SERVER = ` Open http://localhost:${location.port || 80} on the machine that runs the server, or start `
  + 'the server with --ssl-certfile and --ssl-keyfile.';

/** @type {Notice} */
const WELCOME = {
  icon: 'face', title: 'See what your face shows',
  text: 'The camera\'s picture appears here, live, with the expression of every face.',
  action: 'Start the camera', other: FILES,
  foot: 'Your browser asks first. Nothing is stored.',
};

/** @type {Notice} */
const LOADING = {
  icon: 'face', title: 'Loading the models', text: 'With them, this browser does the work by itself.',
};

/** @type {Notice} */
const ASKING = {
  icon: 'camera', title: 'Waiting for the camera',
  text: 'If your browser asks whether this page may use the camera, choose Allow.',
};

/** What a frame without a usable face lacks, by the engine's name for it; and what helps before a camera. */
const HINTS = /** @type {Record<string, [string, string]>} */ ({
  'no face': ['No face in view.', 'Look towards the camera.'],
  'too dark': ['Too dark to find a face.', 'A lamp or a window in front of you helps.'],
  'too bright': ['Too bright to find a face.', 'Less light on the camera helps.'],
  blank: ['The picture is blank.', 'Is the camera covered?'],
  'face too small': ['The face is too small.', 'Come closer.'],
});

/** @param {string} name the engine's hint on a frame @param {boolean} isFilm for which no advice helps @returns {string} */
export function hintFor(name, isFilm) {
  const [lack, advice] = HINTS[name] ?? [sentence(name), ''];
  return isFilm || !advice ? lack : `${lack} ${advice}`;
}

const PAUSED = 'Paused. No picture is analysed.';
const WORDS = {
  server: {connecting: 'Connecting to the server…', open: 'connected', refused: 'The server refused this page'},
  device: {connecting: 'Getting ready…', open: 'ready', refused: 'This browser cannot compute here'},
};

/** Choose the notice that covers the stage. @param {Situation} situation @returns {Notice | null} */
export function noticeFor({view, film, engine, status, lost, tokenTried}) {
  if (view === 'asking') return film ? {...ASKING, title: 'Opening the video', text: film} : withLoading(ASKING, status);
  if (view === 'insecure' && engine === 'server') {
    return {...TROUBLE.insecure, text: TROUBLE.insecure.text + INSECURE_SERVER};
  }
  if (view !== 'off' && view !== 'on' && view !== 'paused') return TROUBLE[view];
  if (status.state === 'refused') {
    return status.code === BAD_TOKEN ? tokenNotice(tokenTried) : {
      icon: 'alert', title: WORDS[engine].refused, text: sentence(status.reason), action: 'Try again',
    };
  }
  if (view === 'off') return withLoading(WELCOME, status);
  if (lost) return view === 'on' ? goneNotice(lost) : null;
  return status.state === 'connecting' && status.total ? withLoading(LOADING, status) : null;
}

/** @param {Situation} situation @returns {string | null} the text that stays on the picture */
export function standingFor({view, film, engine, status, lost}) {
  if (view === 'paused') return film ? null : PAUSED;
  return view === 'on' && status.state === 'connecting' && !lost ? WORDS[engine].connecting : null;
}

/** @param {Situation} situation @returns {[mark: string, text: string]} of the stream, for the top of the page */
export function linkFor({view, film, engine, status}) {
  if (view === 'paused') return ['idle', 'paused'];
  switch (status.state) {
    case 'open': return ['open', view !== 'on' ? WORDS[engine].open : film ? 'playing' : 'live'];
    case 'connecting': return ['busy', engine === 'device' ? 'loading' : 'connecting'];
    case 'waiting': return ['gone', 'server gone'];
    case 'refused': return ['gone', engine === 'device' ? 'not ready' : 'refused'];
    default: return ['idle', 'camera off'];
  }
}

/** @param {Notice} notice @param {Status} status @returns {Notice} with the progress of models that are being loaded */
function withLoading(notice, status) {
  if (status.state !== 'connecting' || !status.total) return notice;
  const loaded = status.loaded ?? 0;
  const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
  const foot = loaded < status.total ? `Loading the models: ${mb(loaded)} of ${mb(status.total)} MB` : WORDS.device.connecting;
  return {...notice, foot, progress: loaded / status.total};
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

/** @param {string} text @returns {string} with a capital, unless it begins with a file's name, and a full stop */
export function sentence(text) {
  const capital = /^\S+\.\w/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
