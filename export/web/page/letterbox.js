/**
 * The letterbox: fits pictures into the model's frame. The twin of pipeline/images/letterbox.py and of the app's
 * Letterbox.java, byte for byte equal to Pillow's BILINEAR: an antialiased triangle filter, first across, then down,
 * rounded to 8 bits between the passes, coefficients in 22-bit fixed point.
 */

const BITS = 22;
const HALF = 1 << (BITS - 1);

/** The largest size with the picture's aspect ratio that fits into a frame, halves rounded up: [width, height]. */
export function fittedSize(width, height, frameWidth, frameHeight) {
  if (width * frameHeight >= height * frameWidth) {
    return [frameWidth, Math.max(1, Math.floor((2 * height * frameWidth + width) / (2 * width)))];
  }
  return [Math.max(1, Math.floor((2 * width * frameHeight + height) / (2 * height))), frameHeight];
}

/** For one direction: which inputs contribute to each output, and their weights. Equal sizes change nothing. */
function filter(size, fitted) {
  const scale = size / fitted;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(fitted), count = new Int32Array(fitted), weights = new Int32Array(fitted * taps);
  const exact = new Float64Array(taps);
  const shrink = 1 / support; // Pillow multiplies by the reciprocal; dividing would round differently.
  for (let x = 0; x < fitted; x++) {
    const centre = (x + 0.5) * scale;
    first[x] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[x] = Math.min(size, Math.trunc(centre + support + 0.5)) - first[x];
    let sum = 0;
    for (let i = 0; i < count[x]; i++) {
      exact[i] = Math.max(0, 1 - Math.abs((i + first[x] - centre + 0.5) * shrink));
      sum += exact[i];
    }
    for (let i = 0; i < count[x]; i++) {
      weights[x * taps + i] = Math.trunc(0.5 + (sum === 0 ? exact[i] : exact[i] / sum) * (1 << BITS));
    }
  }
  return { taps, first, count, weights };
}

/** Tables are kept for consecutive pictures of the same size, as a camera gives them. */
export class Letterbox {
  constructor(width, height) {
    Object.assign(this, { width, height, known: "" });
  }

  /**
   * Fits rows of RGB (step 3) or of opaque RGBA (step 4), 8 bits.
   *
   * @returns {Uint8Array} RGB, 3 * width * height bytes; the bars are black.
   */
  fit(pixels, step, width, height) {
    if (this.known !== `${width}x${height}`) {
      this.fitted = fittedSize(width, height, this.width, this.height);
      this.across = filter(width, this.fitted[0]);
      this.down = filter(height, this.fitted[1]);
      this.between = new Uint8Array(3 * this.fitted[0] * height);
      this.known = `${width}x${height}`;
    }
    const { between, across, down, fitted: [fittedWidth, fittedHeight] } = this;
    for (let y = 0, into = 0; y < height; y++) {
      for (let x = 0; x < fittedWidth; x++) {
        let red = HALF, green = HALF, blue = HALF;
        let from = (y * width + across.first[x]) * step;
        let tap = x * across.taps;
        for (const end = tap + across.count[x]; tap < end; tap++, from += step) {
          const weight = across.weights[tap];
          red += pixels[from] * weight;
          green += pixels[from + 1] * weight;
          blue += pixels[from + 2] * weight;
        }
        between[into++] = Math.min(255, red >> BITS);
        between[into++] = Math.min(255, green >> BITS);
        between[into++] = Math.min(255, blue >> BITS);
      }
    }
    const frame = new Uint8Array(3 * this.width * this.height);
    const corner = ((this.height - fittedHeight) >> 1) * this.width + ((this.width - fittedWidth) >> 1);
    const bytes = 3 * fittedWidth;
    const sums = new Int32Array(bytes);
    for (let y = 0; y < fittedHeight; y++) {
      sums.fill(HALF);
      for (let i = 0; i < down.count[y]; i++) {
        const weight = down.weights[y * down.taps + i];
        const from = (down.first[y] + i) * bytes;
        for (let x = 0; x < bytes; x++) sums[x] += between[from + x] * weight;
      }
      const into = 3 * (corner + y * this.width);
      for (let x = 0; x < bytes; x++) frame[into + x] = Math.min(255, sums[x] >> BITS);
    }
    return frame;
  }
}
