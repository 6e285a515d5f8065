// A page as each peer's documentation has it: ?peer=human&backend=wasm&variant=cached and, for a camera, &camera.
// A peer is a module with load(backend, variant), which resolves to
// look(video or canvas) -> [{box: [left, top, width, height], label}, ...].

const asked = new URLSearchParams(location.search);
const {load} = await import(`./${asked.get('peer')}.js`);
const look = await load(asked.get('backend'), asked.get('variant'));
const video = document.querySelector('video');
const overlay = document.querySelector('canvas');

// For pictures: their labels, the largest face's first.
window.lookAt = async (address) => {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  canvas.getContext('2d', {willReadFrequently: true}).drawImage(picture, 0, 0);
  const faces = await look(canvas);
  const area = ({box: [, , w, h]}) => w * h;
  return faces.sort((a, b) => area(b) - area(a)).map(({label}) => label);
};

async function onFrame() {
  const {capturedAt} = window.bench;
  const faces = await look(video);
  const context = overlay.getContext('2d');
  context.clearRect(0, 0, overlay.width, overlay.height);
  for (const {box, label} of faces) {
    context.strokeRect(...box);
    context.fillText(label, box[0], box[1]);
  }
  window.bench.note(capturedAt, faces.length);
  video.requestVideoFrameCallback(onFrame);
}

if (asked.has('camera')) {
  video.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480, frameRate: 30}});
  await video.play();
  [overlay.width, overlay.height] = [video.videoWidth, video.videoHeight];
  Object.assign(overlay.getContext('2d'), {strokeStyle: 'lime', fillStyle: 'lime', lineWidth: 3, font: '20px sans-serif'});
  video.requestVideoFrameCallback(onFrame);
}
window.isLoaded = true;
