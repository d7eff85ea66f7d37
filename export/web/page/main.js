/** The page: opens the model, answers the camera and files, and shows it all. */

import { fromBase64, sha256, zip } from "./bytes.js";
import { Camera } from "./camera.js";
import { Model, ModelError, ranked } from "./model.js";
import { centredCrop, filesOf, imageData, lastAsPng, pixelsOf, read, withClasses } from "./pictures.js";
import { csv, score } from "./scores.js";
import { $, bars, h, line, name, results, save, thumbnail } from "./view.js";
import { decimals, percent, say, speak } from "./words.js";
/* global CONTRACT_SHA256: of the contract inside this page */

const problem = (text) => Object.assign($("problem"), { textContent: text, hidden: !text });
const tell = (id, text, alarm) => Object.assign($(id), { textContent: text, className: alarm ? "alarm" : "quiet" });
const BARS = 5, TIMES = 30, SHOWN = 48, LEVELS = 256;
const page = JSON.parse($("page").textContent);
const loose = []; // pictures without a class, and shots of the camera
const times = []; // [grab, letterbox, model] in ms
let model, labels, threshold, camera;
let shown = null; // the answer beside the stage
let folder = null; // { title, pictures, excluded, known, cell }
let shoot = false;
let jobs = 0;

/** The answer to ImageData that took `grab` ms to get. */
async function answer({ data, width, height }, grab) {
  const start = performance.now();
  const frame = model.letterbox.fit(data, 4, width, height);
  const fitted = performance.now();
  const { probabilities } = await model.run(frame);
  times.push([grab, fitted - start, performance.now() - fitted]);
  if (times.length > TIMES) times.shift();
  const [top] = ranked(probabilities);
  return { probabilities, top, probability: probabilities[top], frame };
}

function median(place) {
  const sorted = times.map((row) => row[place]).sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function showAnswer(one) {
  shown = one;
  const { width, height } = model.letterbox;
  const title = one.probability < threshold ? say("unknown") : labels[one.top];
  if ($("top").textContent !== title) $("top").replaceChildren(name(title)); // read aloud only when it changes
  $("bars").replaceChildren(...bars(ranked(one.probabilities).slice(0, BARS), one.probabilities, labels, threshold));
  $("frame").getContext("2d").putImageData(imageData(one.frame, width, height), 0, 0);
  $("latency").textContent = say("latency", ...[0, 1, 2].map((place) => decimals(median(place), 1)));
  $("answer").hidden = false;
}

/** What the stage shows: empty, camera or picture. */
function stage(mode, width = 4, height = 3) {
  document.body.dataset.stage = mode;
  $("view").style.setProperty("--aspect", width / height);
  for (const id of ["shutter", "flip", "close"]) $(id).hidden = mode !== "camera";
  for (const id of ["open", "choose", "choose-folder"]) $(id).hidden = mode === "camera";
}

async function onFrame(video) {
  const start = performance.now();
  const { videoWidth, videoHeight } = video;
  const [left, top, width, height] = centredCrop(videoWidth, videoHeight, model.contract.input.content_aspect);
  const pixels = read(video, left, top, width, height);
  const shot = shoot && lastAsPng();
  shoot = false;
  stage("camera", videoWidth, videoHeight);
  const share = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign($("guide").style, { left: share(left, videoWidth), width: share(width, videoWidth),
    top: share(top, videoHeight), height: share(height, videoHeight) });
  const given = await answer(pixels, performance.now() - start);
  if (!camera.stream) return;
  showAnswer(given);
  if (shot) {
    const path = `camera-${new Date().toISOString().replace(/\D/g, "")}.png`;
    loose.unshift({ path, blob: await shot, truth: null, ...given });
    showLoose();
  }
}

function onCamera(reason) {
  if (!camera.wanted && document.body.dataset.stage === "camera") stage("empty");
  $("video").classList.toggle("mirrored", camera.mirrored);
  problem(reason && say(reason));
  $("progress").hidden = true;
}

/** Answers files one after the other: `each` gets them with the answer, or with a reason. False if others came. */
async function answerFiles(found, each) {
  const job = ++jobs;
  camera.close();
  $("progress").hidden = false;
  for (const [number, one] of found.entries()) {
    $("progress").textContent = say("reading", number + 1, found.length);
    const start = performance.now();
    const pixels = await pixelsOf(one.file).catch(() => null);
    const given = pixels && await answer(pixels, performance.now() - start);
    const digest = pixels && sha256(new Uint8Array(await one.file.arrayBuffer()));
    if (job !== jobs) return false;
    each({ ...one, blob: one.file, digest, pixels, reason: pixels ? "" : say("not_read"), ...given });
  }
  $("progress").hidden = true;
  return true;
}

function showPicture({ pixels, ...given }) {
  Object.assign($("picture"), { width: pixels.width, height: pixels.height });
  $("picture").getContext("2d").putImageData(pixels, 0, 0);
  stage("picture", pixels.width, pixels.height);
  showAnswer(given);
}

/** A picture whose pixels were let go. */
async function showAgain(one) {
  camera.close();
  const pixels = await pixelsOf(one.blob);
  showPicture({ pixels, ...await answer(pixels, 0) });
  $("stage").scrollIntoView({ block: "nearest" });
}

async function onFiles(found) {
  const classes = withClasses(found, labels);
  if (classes) return onFolder(found[0].path.split("/")[0], classes);
  const failed = [];
  await answerFiles(found, (result) => {
    if (result.reason) return failed.push(result.path);
    showPicture(result);
    loose.unshift({ ...result, truth: null, pixels: null, frame: null });
    return showLoose();
  });
  return problem(failed.length ? `${say("not_scored", failed.length)} ${failed.join(", ")} (${say("not_read")})` : "");
}

async function onFolder(title, found) {
  const pictures = [], excluded = [], known = [], wanted = [], seen = new Map(), own = new Set(page.own);
  for (const one of found) {
    const none = one.label === "none" && !labels.includes("none");
    if (one.label === null) excluded.push([one.path, say("no_class")]);
    else if (!none && !labels.includes(one.label)) excluded.push([one.path, say("other_class", one.label)]);
    else wanted.push({ ...one, truth: labels.indexOf(one.label) });
  }
  const finished = await answerFiles(wanted, (result) => {
    const { path, digest, reason } = result;
    if (reason || seen.has(digest)) return excluded.push([path, reason || say("same_as", seen.get(digest))]);
    seen.set(digest, path);
    showPicture(result);
    if (own.has(digest.slice(0, 12))) return known.push(path);
    return pictures.push({ ...result, pixels: null, frame: null });
  });
  if (!finished) return;
  folder = { title, pictures, excluded, known, cell: null };
  showFolder();
  $("folder").scrollIntoView();
}

function showFolder() {
  const { title, pictures, excluded, known, cell } = folder;
  const open = (truth, top) => {
    folder.cell = [truth, top];
    showCell();
    $("cell").focus();
  };
  const left = excluded.map(([path, reason]) => h("li", {}, name(path), `: ${reason}`));
  const table = () => save(new Blob([csv(pictures, labels)]), `${page.run}-${title}.csv`);
  $("folder").replaceChildren(h("div", {}, h("h2", {}, say("folder_title"), " ", name(title)),
    known.length ? h("p", { className: "alarm", textContent: say("known", known.length) }) : null,
    ...results(score(pictures, labels.length, threshold), labels, open),
    h("div", { id: "cell", tabIndex: -1, hidden: true }),
    left.length ? h("details", { open: left.length < 6 }, line("summary", say("not_scored", left.length)),
      h("ul", {}, ...left)) : null,
    h("button", { id: "save-table", textContent: say("save_table"), onclick: table })));
  $("folder").hidden = false;
  if (cell) showCell();
}

const more = (all) => (all.length > SHOWN ? say("and_more", all.length - SHOWN) : "");

function showCell() {
  const [truth, top] = folder.cell;
  const some = folder.pictures.filter((one) => one.truth === truth && one.top === top)
    .sort((a, b) => b.probability - a.probability);
  const cards = some.slice(0, SHOWN)
    .map((one) => h("li", {}, thumbnail(one, showAgain), name(one.path), percent(one.probability)));
  $("cell").replaceChildren(line("h3", say("cell", labels[truth], labels[top], some.length)),
    h("ul", { className: "cards" }, ...cards), line("p", more(some)));
  $("cell").hidden = false;
}

/** The pictures without a class, to be labelled; a class whose name cannot be a folder cannot be kept. */
function showLoose() {
  const option = (value, text) => h("option", { value, textContent: text, disabled: /[/\\\0]|^\./.test(text) });
  $("loose").hidden = !loose.length;
  $("cards").replaceChildren(...loose.slice(0, SHOWN).map((one) => {
    const none = labels.includes("none") ? null : option(-1, say("none_of_them"));
    const select = h("select", { ariaLabel: `${say("question")} ${one.path}`, onchange: () => {
      one.truth = select.value === "" ? null : Number(select.value);
      showKept();
    } }, option("", say("question")), ...labels.map((label, index) => option(index, label)), none);
    select.value = one.truth ?? "";
    const key = one.probability < threshold ? "answered_unknown" : "answered";
    const said = say(key, labels[one.top], percent(one.probability));
    return h("li", {}, thumbnail(one, showAgain), name(one.path), line("span", said), select);
  }));
  $("more").textContent = more(loose);
  showKept();
}

function showKept() {
  const kept = loose.filter(({ truth }) => truth !== null);
  $("keep").hidden = !kept.length;
  $("kept").textContent = say("kept", kept.length);
}

/** Saves the labelled pictures as `photos` reads them: CLASS/FILE, `none` for something else. */
async function saveKept() {
  const entries = new Map();
  for (const { path, blob, truth } of loose.filter((one) => one.truth !== null)) {
    const file = path.split("/").pop();
    let place = `${labels[truth] ?? "none"}/${file}`;
    for (let n = 2; entries.has(place); n++) place = `${labels[truth] ?? "none"}/${n}-${file}`;
    entries.set(place, new Uint8Array(await blob.arrayBuffer()));
  }
  save(zip([...entries]), `${page.run}-photos.zip`);
}

function onThreshold() {
  const level = $("threshold").valueAsNumber;
  threshold = level / LEVELS;
  const { n, answered, right } = page.held_out;
  $("threshold-value").textContent = percent(threshold);
  const share = (part, whole) => percent(part[level] / whole);
  $("effect").textContent = answered[level]
    ? say("effect", share(answered, n), n, share(right, answered[level])) : say("effect_none", n);
  if (shown) showAnswer(shown);
  if (folder) showFolder();
  showLoose();
}

function describe({ flavour, gate }) {
  const { file, sha256: hash } = model.contract.model;
  tell("about", say("about_model", flavour, file, hash.slice(0, 12)));
  const judged = gate ? say(`gate_${gate.verdict.replace(" ", "_")}`, gate.n) : say("gate_not_asked");
  tell("gate", gate?.second_look ? `${judged} ${say("gate_second_look")}` : judged, gate?.verdict === "failed");
  Object.assign($("frame"), { width: model.letterbox.width, height: model.letterbox.height });
}

function listen() {
  camera = new Camera($("video"), onFrame, onCamera);
  const actions = { open: () => { jobs++; camera.open(); }, close: () => camera.close(), "save-kept": saveKept,
    shutter: () => { shoot = true; }, choose: () => $("files").click(), "choose-folder": () => $("directory").click(),
    flip: () => camera.open(camera.facing === "user" ? "environment" : "user") };
  for (const [id, onclick] of Object.entries(actions)) Object.assign($(id), { onclick, disabled: false });
  Object.assign($("threshold"), { value: threshold * LEVELS, oninput: onThreshold, disabled: false });
  $("files").onchange = $("directory").onchange = ({ target }) => {
    onFiles([...target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    target.value = "";
  };
  addEventListener("dragover", (event) => event.preventDefault());
  for (const kind of ["drop", "paste"]) addEventListener(kind, (event) => {
    if (kind === "drop") event.preventDefault();
    filesOf(event.dataTransfer ?? event.clipboardData).then((found) => found.length && onFiles(found))
      .catch((error) => problem(String(error)));
  });
}

async function start() {
  speak(page.words);
  const bytes = (id) => fromBase64($(id).textContent);
  try {
    const packed = new Blob([bytes("wasm")]).stream().pipeThrough(new DecompressionStream("gzip"));
    const wasm = new Uint8Array(await new Response(packed).arrayBuffer());
    model = await Model.open($("contract").textContent, CONTRACT_SHA256, bytes("model"), wasm);
    const { wrong, vector, largest, equal } = await model.selfTest();
    const n = model.contract.golden.vectors.length;
    if (wrong) tell("check", `${say(`${wrong}_wrong`, vector)} ${say("doubtful")}`, true);
    else tell("check", equal ? say("checked_equal", n) : say("checked_within", n, decimals(100 * largest, 2)));
  } catch (error) {
    const known = error instanceof ModelError;
    return tell("check", known ? say(error.key, ...error.values) : say("cannot_start", String(error)), true);
  }
  ({ labels, threshold } = model.contract);
  describe(page);
  listen();
  stage("empty");
  onThreshold();
  document.body.dataset.ready = "yes";
}

start();
