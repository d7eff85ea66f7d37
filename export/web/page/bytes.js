/** Bytes: base64, sha256 (pages opened from a phone's mail have no crypto.subtle), and zip files. */

export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The first 32 bits after the point of the cube roots of the first 64 primes. */
const ROUNDS = Array.from({ length: 312 }, (_, n) => n)
  .filter((n) => n > 1 && ![2, 3, 5, 7, 11, 13, 17].some((d) => d < n && n % d === 0))
  .map((prime) => ((Math.cbrt(prime) % 1) * 2 ** 32) | 0);

/** The sha256 of bytes, in hexadecimal. FIPS 180-4. */
export function sha256(bytes) {
  const state = Int32Array.of(
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
  const padded = new Uint8Array(((bytes.length + 72) >> 6) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const words = new Int32Array(64);
  for (let start = 0; start < padded.length; start += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(start + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = words[i - 15], b = words[i - 2];
      const low = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
      const high = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
      words[i] = words[i - 16] + low + words[i - 7] + high;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const high = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + high + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const low = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      h = g; g = f; f = e; e = (d + one) | 0;
      const next = (one + low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      d = c; c = b; b = a; a = next;
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => { state[i] += value; });
  }
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

const CRC = Int32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(bytes) {
  let sum = -1;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const DAY = (1 << 5) | 1; // the first that a zip file knows: 1 January 1980

/** A zip file of stored entries, names in UTF-8: `[[name, bytes], …]` → Blob. */
export function zip(entries) {
  const parts = [], directory = [];
  let offset = 0, central = 0;
  for (const [name, bytes] of entries) {
    const title = new TextEncoder().encode(name);
    const common = [20, 0x800, 0, 0, DAY, crc32(bytes), bytes.length, bytes.length, title.length, 0];
    const local = numbers("42222244422", 0x04034b50, ...common);
    const entry = numbers("42222224442222244", 0x02014b50, 20, ...common, 0, 0, 0, 0, offset);
    parts.push(local, title, bytes);
    directory.push(entry, title);
    offset += local.length + title.length + bytes.length;
    central += entry.length + title.length;
  }
  const end = numbers("42222442", 0x06054b50, 0, 0, entries.length, entries.length, central, offset, 0);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Numbers of two or four bytes, as `sizes` says, little-endian. */
function numbers(sizes, ...values) {
  const places = [...sizes].map(Number);
  const view = new DataView(new ArrayBuffer(places.reduce((sum, size) => sum + size)));
  places.reduce((at, size, i) => {
    view[size === 2 ? "setUint16" : "setUint32"](at, values[i], true);
    return at + size;
  }, 0);
  return new Uint8Array(view.buffer);
}
