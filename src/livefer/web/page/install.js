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
  let isAsked = false; // by this page, not by another tab of it
  let isReplaced = false;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (isFirst || isReplaced) return; // the first one brings nothing new
    isReplaced = true;
    if (isAsked || isIdle()) location.reload();
    else $('renew').hidden = false;
  });
  const registration = await navigator.serviceWorker.register('service-worker.js').catch(() => null);
  if (!registration) return;
  const renew = () => {
    isAsked = true;
    if (isReplaced) location.reload();
    else registration.waiting?.postMessage('take over');
  };
  $('renew').onclick = renew;
  const offer = () => {
    if (registration.waiting && !isFirst) $('renew').hidden = false;
  };
  if (registration.waiting && isIdle()) renew();
  else offer();
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', offer);
  });
}
