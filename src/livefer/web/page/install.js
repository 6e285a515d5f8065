// @ts-check
/** The page without a network: a service worker keeps its files, and a new version replaces an old one. */

import {$} from './dom.js';

/**
 * Have the browser keep the page's files. One that keeps nothing, as in private windows, is no error:
 * then the page needs the network at the next visit.
 * @param {() => boolean} isIdle whether nothing is lost when the page loads anew
 */
export async function keepForLater(isIdle) {
  if (!navigator.serviceWorker) return;
  const isFirst = !navigator.serviceWorker.controller;
  let replaced = false;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (isFirst || replaced) return; // the first one brings nothing new
    replaced = true;
    location.reload();
  });
  const registration = await navigator.serviceWorker.register('service-worker.js').catch(() => null);
  if (!registration) return;
  const renew = () => registration.waiting?.postMessage('take over');
  const offer = () => {
    if (!registration.waiting || isFirst) return;
    $('renew').hidden = false;
    $('renew').onclick = renew;
  };
  if (registration.waiting && isIdle()) renew();
  else offer();
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', offer);
  });
}
