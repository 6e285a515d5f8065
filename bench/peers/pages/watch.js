// Notes when the result for which camera frame was on the screen: runs before a page's own scripts.

window.bench = {shown: [], capturedAt: NaN, seen: 0};

// Call when a result has come: it is drawn with the next picture of the screen.
window.bench.note = (capturedAt, faces) => requestAnimationFrame(() => {
  const {port1, port2} = new MessageChannel();
  port1.onmessage = () => window.bench.shown.push([capturedAt, performance.now(), faces]);
  port2.postMessage(null); // comes after the painting
});

// The browser says when the camera gave a frame.
const callback = HTMLVideoElement.prototype.requestVideoFrameCallback;
HTMLVideoElement.prototype.requestVideoFrameCallback = function watched(take) {
  return callback.call(this, (now, about) => {
    window.bench.capturedAt = about.captureTime ?? NaN;
    window.bench.seen = about.presentedFrames;
    take(now, about);
  });
};

// livefer's page sends bitmaps of frames to a worker, which answers by number.
const taken = new WeakMap();
const bitmap = window.createImageBitmap;
window.createImageBitmap = async (...source) => {
  const {capturedAt} = window.bench;
  const made = await bitmap(...source);
  taken.set(made, capturedAt);
  return made;
};
window.Worker = class extends Worker {
  constructor(...details) {
    super(...details);
    this.sent = new Map();
    this.addEventListener('message', ({data: {id, value}}) => {
      if (this.sent.has(id)) window.bench.note(this.sent.get(id), value.faces.length);
      this.sent.delete(id);
    });
  }

  postMessage(message, transfer) {
    if (message.task === 'frame') this.sent.set(message.id, taken.get(message.picture));
    super.postMessage(message, transfer);
  }
};
