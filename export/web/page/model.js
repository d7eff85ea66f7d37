/** The model: the bundle's bytes and contract, run by LiteRT.js, and the self-test. */

import { fromBase64, sha256 } from "./bytes.js";
import { Letterbox } from "./letterbox.js";
import { survivesCanvas } from "./pictures.js";

/* global litert: what the page takes from LiteRT.js */

/** Why the model is unusable: a key of the words, and what to fill in. */
export class ModelError extends Error {
  constructor(key, ...values) {
    super(key);
    Object.assign(this, { key, values });
  }
}

/** The order of an answer's labels, most probable first; ties go to the lower index. */
export function ranked(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
}

export class Model {
  /**
   * Loads a .tflite file, given the text of its contract, the sha256 of that text, and LiteRT's WebAssembly.
   *
   * @throws {ModelError} They do not belong together, or LiteRT.js rejects the model.
   */
  static async open(text, hash, data, wasm) {
    if (sha256(new TextEncoder().encode(text)) !== hash) throw new ModelError("contract_changed");
    const contract = JSON.parse(text);
    if (data.length !== contract.model.size_bytes || sha256(data) !== contract.model.sha256) {
      throw new ModelError("model_changed", contract.model.file);
    }
    const log = [];
    const note = (text) => log.push(text); // its INFO lines would stand in the console as errors
    self.Module = { wasmBinary: wasm, print: note, printErr: note };
    try {
      await litert.open();
      return new Model(contract, await litert.loadAndCompile(data, { accelerator: "wasm" }));
    } catch (error) {
      throw new ModelError("model_refused", contract.model.file, [...log.slice(-2), error.message].join("\n"));
    }
  }

  constructor(contract, compiled) {
    const { width, height } = contract.input;
    Object.assign(this, { contract, compiled, letterbox: new Letterbox(width, height), shape: [1, height, width, 3] });
  }

  /** The answer to a letterboxed frame: the output's bytes, and the probabilities in the order of the labels. */
  async run(frame) {
    const numbers = this.contract.input.dtype === "uint8" ? frame : Float32Array.from(frame);
    const input = new litert.Tensor(numbers, this.shape);
    const outputs = await this.compiled.run([input]);
    const values = outputs[0].toTypedArray();
    for (const tensor of [input, ...outputs]) tensor.delete();
    return { raw: new Uint8Array(values.buffer), probabilities: this.#real(values) };
  }

  #real(values) {
    const { scale, zero_point: zero } = this.contract.output;
    return Float64Array.from(values, scale === null ? Number : (value) => (value - zero) * scale);
  }

  /**
   * Replays the golden vectors: letterbox first, then the model, as the app does. XNNPACK must give equal integer
   * bytes (contract version 2); anything else is held to the tolerance.
   *
   * @returns `wrong` is the first step that differs (canvas, letterbox, model, or empty), on `vector`.
   */
  async selfTest() {
    const { golden, output, tolerance, contract_version: version } = this.contract;
    const demandEqual = output.dtype === "uint8" && version > 1;
    const result = { wrong: "", vector: "", largest: 0, equal: demandEqual };
    const fail = (wrong, { name }) => ({ ...result, wrong, vector: name });
    for (const vector of golden.vectors) {
      const picture = fromBase64(vector.rgb);
      if (!survivesCanvas(picture, vector.width, vector.height)) return fail("canvas", vector);
      const frame = this.letterbox.fit(picture, 3, vector.width, vector.height);
      if (sha256(frame) !== vector.prepared_sha256) return fail("letterbox", vector);
      const { raw, probabilities } = await this.run(frame);
      const bytes = fromBase64(vector.output_xnnpack ?? vector.output);
      const expected = this.#real(output.dtype === "uint8" ? bytes : new Float32Array(bytes.buffer));
      const difference = Math.max(...probabilities.map((value, i) => Math.abs(value - expected[i])));
      result.largest = Math.max(result.largest, difference); // NaN stays
      const [first, second] = ranked(expected);
      const clear = expected[first] - expected[second] > 2 * tolerance;
      const right = demandEqual ? raw.every((byte, i) => byte === bytes[i]) : difference <= tolerance + 5e-7;
      if (!right || (clear && ranked(probabilities)[0] !== first)) return fail("model", vector);
    }
    return result;
  }
}
