// @vladmandic/human as a peer: node human_peer.mjs FOLDER each|cached
//
// each: detector and emotion network on every frame. cached: as it comes, with the face mesh, which
// follows faces; the detector looks again after 2.5 s and the emotion network after 1.5 s. It takes
// those times from the clock, so here the clock is the stream's.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { speak, write } from './speak.mjs';

const [folder, variant] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, 'package.json'));
const modules = path.resolve(folder, 'node_modules');
const home = path.join(modules, '@vladmandic', 'human');

// Node's fetch reads no files, and the models lie beside the package.
globalThis.fetch = async (address) => {
  const file = fileURLToPath(String(address.url ?? address));
  const type = file.endsWith('.json') ? 'application/json' : 'application/octet-stream';
  return new Response(fs.readFileSync(file), { headers: { 'content-type': type } });
};
let streamMs = 0;
let isStream = false;
const realNow = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => (isStream ? streamMs : realNow()) });

const began = process.hrtime.bigint();
const seconds = () => Number(process.hrtime.bigint() - began) / 1e9;
require('@tensorflow/tfjs-backend-wasm');
const { Human } = require(path.join(home, 'dist', 'human.node-wasm.js'));
const importS = seconds();

const always = variant === 'each' ? { skipFrames: 0, skipTime: 0 } : {};
const off = { enabled: false };
const human = new Human({
  backend: 'wasm',
  wasmPath: path.join(modules, '@tensorflow', 'tfjs-backend-wasm', 'dist') + '/',
  modelBasePath: pathToFileURL(path.join(home, 'models')).href + '/',
  debug: false,
  ...(variant === 'each' ? { cacheSensitivity: 0 } : {}),
  filter: off,
  gesture: off,
  body: off,
  hand: off,
  object: off,
  segmentation: off,
  face: {
    enabled: true,
    detector: { maxDetected: 10, ...always },
    mesh: { enabled: variant === 'cached' },
    iris: off,
    description: off,
    emotion: { enabled: true, ...always },
  },
});
await human.load();

async function look(rgb, width, height, timeS) {
  isStream = true;
  streamMs = 1e6 + 1000 * timeS;
  const tensor = human.tf.tensor3d(rgb, [height, width, 3], 'int32');
  const { error, face } = await human.detect(tensor);
  human.tf.dispose(tensor);
  if (error) throw new Error(error);
  return face.map(({ box: [x, y, w, h], emotion }) => [x, y, x + w, y + h, emotion?.[0]?.emotion ?? 'none']);
}

if (human.tf.getBackend() !== 'wasm') throw new Error('the WASM backend did not start');
write({
  import_s: importS,
  load_s: seconds(),
  versions: {
    node: process.versions.node,
    '@vladmandic/human': human.version,
    '@tensorflow/tfjs': human.tf.version.tfjs ?? human.tf.version_core,
  },
});
await speak(() => look);
