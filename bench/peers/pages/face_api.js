// @vladmandic/face-api: a detector (tiny or ssd) and the expression network on every frame.

import * as faceapi from '../face-api/dist/face-api.esm.js';

const NAMES = {fearful: 'fear', disgusted: 'disgust', surprised: 'surprise'};

export async function load(backend, variant) {
  const {tf, nets} = faceapi;
  const models = new URL('../face-api/model/', import.meta.url).href;
  if (backend === 'wasm') tf.setWasmPaths(new URL('../wasm/', import.meta.url).href);
  if (!await tf.setBackend(backend)) throw new Error(`the backend ${backend} did not start`);
  await tf.ready();
  await (variant === 'tiny' ? nets.tinyFaceDetector : nets.ssdMobilenetv1).loadFromUri(models);
  await nets.faceExpressionNet.loadFromUri(models);
  const options = variant === 'tiny' ? new faceapi.TinyFaceDetectorOptions() : new faceapi.SsdMobilenetv1Options();
  return async (source) => {
    const found = await faceapi.detectAllFaces(source, options).withFaceExpressions();
    return found.map(({detection: {box}, expressions}) => {
      const label = expressions.asSortedArray()[0].expression;
      return {box: [box.x, box.y, box.width, box.height], label: NAMES[label] ?? label};
    });
  };
}
