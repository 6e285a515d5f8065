// @ts-check
/**
 * The service worker's work: it keeps the files of one version of the page, and answers from them. The file
 * service-worker.js, which `livefer page` writes, names the version and the files, and imports this one.
 */

/** @type {any} */
const worker = self;
/** @type {{version: string, files: string[]}} */
const {version, files} = worker.livefer;
const PREFIX = `livefer ${worker.registration.scope} `; // other pages of the host may have caches, too
const NAME = PREFIX + version;

worker.addEventListener('install', (/** @type {any} */ event) => {
  // Asked anew, so that no file is that of an older version; what has not changed is not sent again.
  const requests = files.map((file) => new Request(new URL(file, worker.registration.scope), {cache: 'no-cache'}));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(requests)));
});

worker.addEventListener('activate', (/** @type {any} */ event) => {
  const isOld = (/** @type {string} */ name) => name.startsWith(PREFIX) && name !== NAME;
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))))
    .then(() => worker.clients.claim()));
});

worker.addEventListener('message', (/** @type {any} */ event) => {
  if (event.data === 'take over') worker.skipWaiting();
});

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) {
    event.respondWith(Response.error()); // the page has nothing to ask elsewhere
    return;
  }
  const isPage = event.request.mode === 'navigate' && /\/(index\.html)?$/.test(url.pathname);
  event.respondWith(caches.open(NAME)
    .then((cache) => cache.match(isPage ? worker.registration.scope : event.request))
    .then((kept) => kept ?? fetch(event.request)));
});
