// Run the road on pixels that a Python test wrote, and print the replies as JSON.
//     node run.mjs FOLDER TASK.json
// FOLDER: what `livefer page` writes. TASK: {kind: "faces" | "stream", pixels, width, height, times_s, options}:
// pixels is a file of RGBA pictures, one after the other.
import {readFileSync} from 'node:fs';
import {fileURLToPath, pathToFileURL} from 'node:url';

const network = globalThis.fetch;
globalThis.fetch = async (url, init) => ( // Node's own fetch reads no files
  String(url).startsWith('file:') ? new Response(readFileSync(fileURLToPath(url))) : network(url, init));

const [, , folder, taskFile] = process.argv;
const {Recognizer} = await import('../../../src/livefer/web/page/road/livefer.js');
const task = JSON.parse(readFileSync(taskFile, 'utf8'));
const recognizer = await Recognizer.load(pathToFileURL(folder), {model: task.model});
const bytes = readFileSync(task.pixels);
const {width, height} = task;
const size = 4 * width * height;
const replies = [];
const stream = task.kind === 'stream' ? recognizer.newStream(task.options) : null;
for (let i = 0; i < task.times_s.length; i += 1) {
  const image = {data: bytes.subarray(i * size, (i + 1) * size), width, height};
  replies.push(stream ? await stream.process(image, task.times_s[i]) : await recognizer.faces(image, task.options));
}
console.log(JSON.stringify(replies, (_, value) => (value instanceof Uint8Array ? [...value] : value)));
