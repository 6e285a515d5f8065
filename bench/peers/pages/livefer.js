// livefer's module, for pictures; before a camera it is its own page that is measured.

import {Recognizer} from '../livefer/page/road/livefer.js';

export async function load(_backend, variant) {
  const recognizer = await Recognizer.load(new URL('../livefer/', import.meta.url), {model: variant});
  return async (canvas) => {
    const {width, height} = canvas;
    const {faces} = await recognizer.faces(canvas.getContext('2d').getImageData(0, 0, width, height));
    return faces.map(({box: [left, top, right, bottom], label}) => ({box: [left, top, right - left, bottom - top], label}));
  };
}
