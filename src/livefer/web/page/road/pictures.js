// @ts-check
/** Pictures resampled with OpenCV's arithmetic. Knows nothing about faces. */

/**
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} Picture
 *   four bytes a pixel: red, green, blue and one that is not read; an ImageData is one
 * @typedef {{data: Uint8Array, width: number, height: number}} Gray one byte a pixel
 * @typedef {{data: Float32Array, width: number, height: number}} Plane one number a pixel
 */

/** @param {Picture} image */
export function checkPicture({data, width, height}) {
  if (!(width > 0 && height > 0) || data?.length !== 4 * width * height) {
    throw new TypeError('expected a picture {data, width, height} with four bytes (RGBA) for each pixel');
  }
}

/**
 * Return the luma of a part of a picture, of every `stride`-th row and column.
 * @param {Picture} image @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
 * @param {number} [stride] @returns {Gray}
 */
export function grayPart(image, x0, y0, x1, y1, stride = 1) {
  const width = Math.ceil((x1 - x0) / stride);
  const height = Math.ceil((y1 - y0) / stride);
  const gray = new Uint8Array(width * height);
  const {data} = image;
  for (let y = y0, to = 0; y < y1; y += stride) {
    for (let x = x0, at = 4 * (y * image.width + x0); x < x1; x += stride, at += 4 * stride, to += 1) {
      gray[to] = (9798 * data[at] + 19235 * data[at + 1] + 3735 * data[at + 2] + 16384) >> 15;
    }
  }
  return {data: gray, width, height};
}

/** @param {Picture} image @returns {Gray} */
export const toGray = (image) => grayPart(image, 0, 0, image.width, image.height);

const ONE = 32; // OpenCV interpolates between 32 places of a pixel

/**
 * Sample a square by linear interpolation, as warpAffine does; outside, the border's pixels continue.
 * @param {Gray} gray @param {number} x of the first sample @param {number} y @param {number} step
 * @param {number} size number of samples along a side @returns {Gray}
 */
export function sampleSquare({data, width, height}, x, y, step, size) {
  const [x0, x1, xPart] = [new Int32Array(size), new Int32Array(size), new Int32Array(size)];
  const first = Math.round(1024 * x) + 16;
  for (let i = 0; i < size; i += 1) {
    const at = (first + Math.round(1024 * step * i)) >> 5;
    xPart[i] = at & (ONE - 1);
    x0[i] = clamp(at >> 5, width - 1);
    x1[i] = clamp((at >> 5) + 1, width - 1);
  }
  const result = new Uint8Array(size * size);
  for (let j = 0, to = 0; j < size; j += 1) {
    const at = (Math.round(1024 * (step * j + y)) + 16) >> 5;
    const low = at & (ONE - 1);
    const upper = width * clamp(at >> 5, height - 1);
    const lower = width * clamp((at >> 5) + 1, height - 1);
    for (let i = 0; i < size; i += 1, to += 1) {
      const [a, b, right] = [x0[i], x1[i], xPart[i]];
      const above = data[upper + a] * (ONE - right) + data[upper + b] * right;
      const below = data[lower + a] * (ONE - right) + data[lower + b] * right;
      result[to] = (above * (ONE - low) + below * low + 512) >> 10;
    }
  }
  return {data: result, width: size, height: size};
}

/**
 * Return the means of the k×k blocks of a square. As OpenCV rounds, a half becomes even, but with k = 2 it goes up.
 * @param {Gray} gray @param {number} k @returns {Uint8Array}
 */
export function blocksOf({data, width}, k) {
  if (k === 1) return data;
  const size = width / k;
  const result = new Uint8Array(size * size);
  const sums = new Uint32Array(size);
  for (let j = 0; j < size; j += 1) {
    sums.fill(0);
    for (let y = j * k; y < (j + 1) * k; y += 1) {
      for (let i = 0, at = y * width; i < size; i += 1) {
        let sum = 0;
        for (const end = at + k; at < end; at += 1) sum += data[at];
        sums[i] += sum;
      }
    }
    for (let i = 0; i < size; i += 1) {
      const mean = sums[i] / (k * k);
      result[j * size + i] = k === 2 ? Math.round(mean) : rounded(mean);
    }
  }
  return result;
}

/**
 * Resize by the means of areas, as INTER_AREA does where it shrinks: in 32 bits, so that it rounds alike.
 * @param {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} image
 * @param {number} channels of its pixels @param {number} used how many of them the result has
 * @param {number} width @param {number} height of the result @returns {Uint8Array}
 */
export function shrink(image, channels, used, width, height) {
  const columns = shares(image.width, width);
  const rows = shares(image.height, height);
  const result = new Uint8Array(width * height * used);
  const line = new Float32Array(width * used);
  const isHalf = image.width === 2 * width && image.height === 2 * height; // whose means OpenCV rounds up
  for (let y = 0; y < height; y += 1) {
    line.fill(0);
    for (let r = rows.start[y]; r < rows.start[y + 1]; r += 1) {
      const row = channels * rows.at[r] * image.width;
      for (let x = 0; x < width; x += 1) {
        for (let c = 0; c < used; c += 1) {
          let sum = 0;
          for (let i = columns.start[x]; i < columns.start[x + 1]; i += 1) {
            sum = Math.fround(sum + Math.fround(columns.share[i] * image.data[row + channels * columns.at[i] + c]));
          }
          line[used * x + c] += Math.fround(rows.share[r] * sum);
        }
      }
    }
    for (let i = 0; i < line.length; i += 1) result[y * line.length + i] = isHalf ? Math.round(line[i]) : rounded(line[i]);
  }
  return result;
}

/**
 * Return which of `from` pixels lie in each of `to` equal parts of a line, and with what share of it.
 * @param {number} from @param {number} to
 * @returns {{start: Int32Array, at: Int32Array, share: Float32Array}} entries start[i] to start[i + 1] are of part i
 */
function shares(from, to) {
  const scale = from / to;
  const start = new Int32Array(to + 1);
  /** @type {number[]} */
  const at = [];
  /** @type {number[]} */
  const share = [];
  for (let i = 0; i < to; i += 1) {
    const [low, high] = [i * scale, (i + 1) * scale];
    for (let pixel = Math.floor(low); pixel < Math.min(high - 1e-3, from); pixel += 1) {
      const part = Math.min(high, pixel + 1) - Math.max(low, pixel);
      if (part < Math.min(1e-3, scale / 2)) continue; // OpenCV leaves out as little, too
      at.push(pixel);
      share.push(part / scale);
    }
    start[i + 1] = at.length;
  }
  return {start, at: Int32Array.from(at), share: Float32Array.from(share)};
}

/**
 * Blur by a Gaussian, as GaussianBlur does with floats; at the border the picture is mirrored.
 * @param {Float32Array} values of a square @param {number} size @param {number} sigma in pixels
 * @returns {Float32Array}
 */
export function blurred(values, size, sigma) {
  const radius = Math.round(8 * sigma + 1) >> 1;
  const kernel = Float64Array.from({length: 2 * radius + 1}, (_, i) => (
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma))));
  const sum = kernel.reduce((a, b) => a + b);
  const places = Int32Array.from({length: size + 2 * radius}, (_, i) => mirrored(i - radius, size));
  let from = values;
  for (const [along, across] of [[1, size], [size, 1]]) {
    const result = new Float32Array(size * size);
    for (let line = 0; line < size; line += 1) {
      for (let i = 0; i < size; i += 1) {
        let total = 0;
        for (let k = 0; k < kernel.length; k += 1) total += kernel[k] * from[line * across + places[i + k] * along];
        result[line * across + i * along] = total / sum;
      }
    }
    from = result;
  }
  return from;
}

/** @param {number} i @param {number} size @returns {number} a place within, mirrored at the middle of the border's pixels */
function mirrored(i, size) {
  let at = i;
  while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
  return size === 1 ? 0 : at;
}

/** @param {ArrayLike<number>} values @returns {[number, number]} mean and standard deviation */
export function meanAndDeviation(values) {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i += 1) {
    sum += values[i];
    squares += values[i] * values[i];
  }
  const mean = sum / values.length;
  return [mean, Math.sqrt(Math.max(squares / values.length - mean * mean, 0))];
}

/**
 * Resize to a square by linear interpolation, with the fixed point of INTER_LINEAR.
 * @param {{data: Uint8Array, width: number, height: number}} image @param {number} channels of its pixels
 * @param {number} side @returns {Uint8Array}
 */
export function resizeLinear({data, width, height}, channels, side) {
  const [columns, rows] = [linear(width, side), linear(height, side)];
  const result = new Uint8Array(side * side * channels);
  const across = (/** @type {number} */ row, /** @type {number} */ x, /** @type {number} */ c) => {
    const at = channels * width * row + c;
    return (data[at + channels * columns.first[x]] * columns.shares[2 * x]
      + data[at + channels * columns.second[x]] * columns.shares[2 * x + 1]) >> 4;
  };
  for (let y = 0, i = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      for (let c = 0; c < channels; c += 1, i += 1) {
        const above = (rows.shares[2 * y] * across(rows.first[y], x, c)) >> 16;
        const below = (rows.shares[2 * y + 1] * across(rows.second[y], x, c)) >> 16;
        result[i] = (above + below + 2) >> 2;
      }
    }
  }
  return result;
}

/** @param {number} from @param {number} to @returns {{first: Int32Array, second: Int32Array, shares: Int32Array}} in 2048ths */
function linear(from, to) {
  const places = Float64Array.from({length: to}, (_, i) => Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1));
  const shares = new Int32Array(2 * to);
  places.forEach((place, i) => {
    const share = place - Math.floor(place);
    shares.set([Math.round(2048 * (1 - share)), Math.round(2048 * share)], 2 * i);
  });
  return {
    first: Int32Array.from(places, (place) => Math.floor(place)),
    second: Int32Array.from(places, (place) => Math.min(Math.floor(place) + 1, from - 1)),
    shares,
  };
}

/**
 * Enlarge a square by cubic interpolation, as INTER_CUBIC does.
 * @param {ArrayLike<number>} values @param {number} height @param {number} width @param {number} to the result's side
 * @returns {Float32Array}
 */
export function resizeCubic(values, height, width, to) {
  const [columns, rows] = [cubic(width, to), cubic(height, to)];
  const lines = new Float32Array(height * to);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < to; x += 1) {
      let sum = 0;
      for (let k = 0; k < 4; k += 1) sum += columns.weight[4 * x + k] * values[y * width + columns.at[4 * x + k]];
      lines[y * to + x] = sum;
    }
  }
  const result = new Float32Array(to * to);
  for (let y = 0; y < to; y += 1) {
    for (let k = 0; k < 4; k += 1) {
      const weight = rows.weight[4 * y + k];
      const row = to * rows.at[4 * y + k];
      for (let x = 0; x < to; x += 1) result[y * to + x] += weight * lines[row + x];
    }
  }
  return result;
}

/** @param {number} from @param {number} to @returns {{at: Int32Array, weight: Float32Array}} four of each for a sample */
function cubic(from, to) {
  const a = -0.75;
  const at = new Int32Array(4 * to);
  const weight = new Float32Array(4 * to);
  for (let i = 0; i < to; i += 1) {
    const place = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(place);
    const t = place - first;
    const near = (/** @type {number} */ d) => ((a + 2) * d - (a + 3)) * d * d + 1;
    const far = (/** @type {number} */ d) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    weight.set([far(t + 1), near(t), near(1 - t)], 4 * i);
    weight[4 * i + 3] = 1 - weight[4 * i] - weight[4 * i + 1] - weight[4 * i + 2];
    for (let k = 0; k < 4; k += 1) at[4 * i + k] = clamp(first + k - 1, from - 1);
  }
  return {at, weight};
}

/** @param {number} value not negative @returns {number} the nearest whole number; a half becomes even, as in Python and OpenCV */
export function rounded(value) {
  const up = Math.floor(value + 0.5);
  return up - value === 0.5 ? up - (up % 2) : up;
}

/** @param {number} i @param {number} last @returns {number} */
const clamp = (i, last) => Math.min(Math.max(i, 0), last);
