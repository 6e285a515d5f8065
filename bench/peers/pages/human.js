// @vladmandic/human: detector and emotion network. each: both on every frame. cached: as it comes, with its face
// mesh, which follows faces; the detector looks again after 2.5 s and the emotion network after 1.5 s. still: for
// single pictures, with the mesh and without a memory of the picture before.

import {Human} from '../human/dist/human.esm.js';

const off = {enabled: false};

export async function load(backend, variant) {
  const always = variant === 'cached' ? {} : {skipFrames: 0, skipTime: 0};
  const human = new Human({
    backend,
    wasmPath: new URL('../wasm/', import.meta.url).href,
    modelBasePath: new URL('../human/models/', import.meta.url).href,
    ...(variant === 'cached' ? {} : {cacheSensitivity: 0}),
    ...(variant === 'each' ? {filter: off} : {}),
    gesture: off, body: off, hand: off, object: off, segmentation: off,
    face: {
      enabled: true, detector: {maxDetected: 10, ...always}, mesh: {enabled: variant !== 'each'}, iris: off,
      description: off, antispoof: off, liveness: off, emotion: {enabled: true, ...always},
    },
  });
  await human.load();
  if (human.tf.getBackend() !== backend) throw new Error(`the backend is ${human.tf.getBackend()}`);
  return async (source) => {
    const {error, face} = await human.detect(source);
    if (error) throw new Error(error);
    return face.map(({box, emotion}) => ({box, label: emotion?.[0]?.emotion ?? 'none'}));
  };
}
