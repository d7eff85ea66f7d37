/** Pictures: files that were dropped, pasted or chosen, and their pixels. */

const canvas = document.createElement("canvas");
// Opaque: transparent pictures lie on black, as in training. Frequent reading keeps it out of the graphics card.
const context = canvas.getContext("2d", { alpha: false, colorSpace: "srgb", willReadFrequently: true });

/** A rectangle of a picture, a video or a bitmap in its own size: opaque sRGB, as ImageData. */
export function read(source, left, top, width, height) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.fillRect(0, 0, width, height); // black
  context.drawImage(source, left, top, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The pixels of a file, upright by its EXIF. Rejects what the browser cannot decode. */
export async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob);
  try {
    return read(bitmap, 0, 0, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

/** RGB, 3 bytes a pixel, as ImageData. */
export function imageData(rgb, width, height) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255], 4 * i);
  return pixels;
}

/** Whether pixels come back from a canvas as they went in: some browsers alter them, against fingerprinting. */
export function survivesCanvas(rgb, width, height) {
  const pixels = imageData(rgb, width, height);
  [canvas.width, canvas.height] = [width, height];
  context.putImageData(pixels, 0, 0);
  return context.getImageData(0, 0, width, height).data.every((value, i) => value === pixels.data[i]);
}

/** What `read` read last, as a PNG. */
export function lastAsPng() {
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** The largest centred rectangle of an aspect ratio, as `camera.centred_crop`: [left, top, width, height]. */
export function centredCrop(width, height, aspect) {
  const wide = width >= aspect * height;
  const w = wide ? Math.min(Math.max(Math.floor(aspect * height + 0.5), 1), width) : width;
  const h = wide ? height : Math.min(Math.max(Math.floor(width / aspect + 0.5), 1), height);
  return [Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h];
}

/** The files of a drop or a paste, folders opened: `[{ file, path }]`, path relative to what was dropped. */
export async function filesOf({ items, files }) {
  // All at once: after the event these lists are empty. In a page from a file, Chromium opens folders by handles only.
  const flat = [...files].map((file) => ({ file, path: file.name }));
  const entries = await Promise.all([...items].filter(({ kind }) => kind === "file")
    .map((item) => item.getAsFileSystemHandle?.().catch(() => null) ?? item.webkitGetAsEntry?.()));
  if (!entries.every(Boolean)) return flat;
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(one, folder, found) {
  const path = folder + one.name;
  if (one.isFile) found.push({ path, file: await new Promise((...settle) => one.file(...settle)) });
  else if (one.kind === "file") found.push({ path, file: await one.getFile() });
  else for (const inner of await children(one)) await walk(inner, `${path}/`, found);
}

async function children(folder) {
  const found = [];
  if (folder.values) for await (const one of folder.values()) found.push(one);
  const reader = folder.createReader?.();
  for (let some = [null]; reader && some.length; found.push(...some)) { // a hundred at a time, at most
    some = await new Promise((...settle) => reader.readEntries(...settle));
  }
  return found;
}

const PART = /^(train(ing)?|val(id|idation)?|test(ing)?)([ _-]?(set|data|images|pictures))?$/i;

/**
 * Files with `label`, the class by `FOLDER/CLASS/…` or `FOLDER/{train,val,test}/CLASS/…`, ordered by class as `photos`
 * does; null if these are pictures without classes.
 */
export function withClasses(found, labels) {
  const paths = found.map(({ file, path }) => ({ file, parts: path.split("/") }))
    .filter(({ parts }) => !parts.some((part) => part.startsWith(".")));
  const nested = paths.filter(({ parts }) => parts.length > 1);
  if (!nested.length) return null;
  // One folder holds the classes; several are classes themselves.
  const tops = new Set(nested.map(({ parts }) => parts[0]));
  let depth = tops.size === 1 && nested.some(({ parts }) => parts.length > 2) ? 1 : 0;
  if (tops.size === 1 && !depth && !labels.includes([...tops][0])) return null;
  const below = nested.filter(({ parts }) => parts.length > depth + 1);
  const isPart = ({ parts }) => PART.test(parts[depth].trim()) && parts.length > depth + 2;
  if (below.length && below.every(isPart)) depth += 1;
  const compare = (a, b) => (a < b ? -1 : Number(a > b));
  return paths.map(({ file, parts }) => ({ file, path: parts.slice(depth && 1).join("/"),
    label: parts.length > depth + 1 ? parts[depth].normalize("NFC") : null,
  })).sort((a, b) => compare(a.label ?? "", b.label ?? "") || compare(a.path, b.path));
}
