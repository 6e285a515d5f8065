// Run the road on pixels that a Python test wrote, and print the replies as JSON: tests/support/node.py.
//     node run.mjs FOLDER TASK.json
// FOLDER: what `livefer page` writes. TASK: {kind: "faces" | "stream", pixels, width, height, times_s, options}:
// pixels is a file of RGBA pictures, one after the other; or {kind: "crops", pixels, model}: of gray faces.
import {readFileSync} from 'node:fs';
import {fileURLToPath, pathToFileURL} from 'node:url';

import {Recognizer} from '../../../src/livefer/web/page/road/livefer.js';

globalThis.fetch = async (url) => new Response(readFileSync(fileURLToPath(url))); // Node's own reads no files

const [, , folder, taskFile] = process.argv;
const task = JSON.parse(readFileSync(taskFile, 'utf8'));
const recognizer = await Recognizer.load(pathToFileURL(folder), {model: task.model});
const bytes = readFileSync(task.pixels);
const answer = {crops, faces, stream}[task.kind];
const printable = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value);
console.log(JSON.stringify(await answer(), printable));

async function crops() {
  const {probabilities} = await recognizer.classifier.predict(bytes, false);
  const n = recognizer.model.classes.length;
  return Array.from({length: probabilities.length / n}, (_, i) => [...probabilities.subarray(n * i, n * (i + 1))]);
}

async function faces() {
  return inTurn((image) => recognizer.faces(image, task.options));
}

async function stream() {
  const live = recognizer.newStream(task.options);
  return inTurn((image, i) => live.process(image, task.times_s[i]));
}

async function inTurn(reply) {
  const {width, height} = task;
  const size = 4 * width * height;
  const replies = [];
  for (let i = 0; i < bytes.length / size; i += 1) {
    replies.push(await reply({data: bytes.subarray(i * size, (i + 1) * size), width, height}, i));
  }
  return replies;
}
