// @vladmandic/face-api as a peer: node face_api_peer.mjs FOLDER tiny|ssd

import { createRequire } from 'node:module';
import path from 'node:path';

import { speak, write } from './speak.mjs';

const [folder, variant] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, 'package.json'));
const modules = path.resolve(folder, 'node_modules');

const began = process.hrtime.bigint();
const seconds = () => Number(process.hrtime.bigint() - began) / 1e9;
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const home = path.join(modules, '@vladmandic', 'face-api');
const faceapi = require(path.join(home, 'dist', 'face-api.node-wasm.js'));
const importS = seconds();

wasm.setWasmPaths(path.join(modules, '@tensorflow', 'tfjs-backend-wasm', 'dist') + '/');
if (!await tf.setBackend('wasm')) throw new Error('the WASM backend did not start');
await tf.ready();
const detector = variant === 'tiny' ? faceapi.nets.tinyFaceDetector : faceapi.nets.ssdMobilenetv1;
await detector.loadFromDisk(path.join(home, 'model'));
await faceapi.nets.faceExpressionNet.loadFromDisk(path.join(home, 'model'));
const options = variant === 'tiny'
  ? new faceapi.TinyFaceDetectorOptions() : new faceapi.SsdMobilenetv1Options();

async function look(rgb, width, height) {
  const tensor = tf.tensor3d(rgb, [height, width, 3], 'int32');
  const found = await faceapi.detectAllFaces(tensor, options).withFaceExpressions();
  tf.dispose(tensor);
  return found.map(({ detection: { box }, expressions }) => [
    box.left, box.top, box.right, box.bottom, expressions.asSortedArray()[0].expression,
  ]);
}

write({
  import_s: importS,
  load_s: seconds(),
  versions: {
    node: process.versions.node,
    '@vladmandic/face-api': require(path.join(home, 'package.json')).version,
    '@tensorflow/tfjs': tf.version.tfjs,
  },
  threads: wasm.getThreadsCount(),
});
await speak(() => look);
