// @ts-check
/**
 * livefer in a browser, without its page: faces and their expressions, computed on the device.
 *
 *     import {Recognizer} from './page/road/livefer.js';
 *     const recognizer = await Recognizer.load('.');
 *     const {faces} = await recognizer.faces(context.getImageData(0, 0, width, height));
 */

export {makeProfile} from './profile.js';
export {Recognizer} from './recognizer.js';
export {Folder} from './runtime.js';
