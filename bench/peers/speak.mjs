// The lines that a peer written in JavaScript reads and writes: see speak.py.

import fs from 'node:fs';
import readline from 'node:readline';

export function write(message) {
  fs.writeSync(1, JSON.stringify(message) + '\n');
}

// look(rgb, width, height, timeS) resolves to [[left, top, right, bottom, label], ...]. The frames of
// the file are BGR, browsers' pixels are RGB: they are swapped before the clock starts.
export async function speak(start) {
  let look = start();
  let file = null;
  let [width, height] = [0, 0];
  let bgr = new Uint8Array(0);
  let rgb = new Uint8Array(0);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const message = JSON.parse(line);
    if ('open' in message) {
      if (file !== null) fs.closeSync(file);
      file = fs.openSync(message.open);
      ({ width, height } = message);
      bgr = new Uint8Array(3 * width * height);
      rgb = new Uint8Array(3 * width * height);
      look = start();
      write({});
      continue;
    }
    fs.readSync(file, bgr, 0, bgr.length, message.frame * bgr.length);
    for (let i = 0; i < bgr.length; i += 3) {
      rgb[i] = bgr[i + 2];
      rgb[i + 1] = bgr[i + 1];
      rgb[i + 2] = bgr[i];
    }
    const cpu = process.cpuUsage();
    const began = process.hrtime.bigint();
    const faces = await look(rgb, width, height, message.time_s);
    const ms = Number(process.hrtime.bigint() - began) / 1e6;
    const used = process.cpuUsage(cpu);
    write({ ms, cpu_ms: (used.user + used.system) / 1000, faces });
  }
}
