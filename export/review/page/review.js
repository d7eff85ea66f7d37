// One card at a time; decisions are kept in the browser by sha256 and saved as decisions.csv.

const data = JSON.parse(document.getElementById("data").textContent);
const words = data.words[navigator.language.startsWith("fr") ? "fr" : "en"];
const STORED = `vignette-review-${data.key}`;
const KEEP = "keep", RELABEL = "relabel", LEAVE_OUT = "leave_out";
const COLUMNS = ["sha256", "decision", "label", "note"];
const NUMBERED = 9;

const part = (id) => document.getElementById(id);
const text = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (share) => `${Math.round(100 * share)} %`;

// What was decided before: by the file that the run uses, then by this page.
const decisions = new Map(Object.entries(data.decided));
for (const [sha256, decision] of Object.entries(stored())) decisions.set(sha256, decision);
let place = Math.max(0, data.cards.findIndex((card) => !decisions.has(card.sha256)));

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {};
  }
}

function store() {
  try {
    localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(decisions)));
  } catch {
    part("after").textContent = words.unstored;
  }
}

function decide(kind, label) {
  const card = data.cards[place];
  if (!card || (kind === KEEP && !card.label)) return;
  const own = kind === RELABEL && label === card.label && !card.reasons.includes("contradiction");
  decisions.set(card.sha256, { decision: own ? KEEP : kind, label, note: part("note").value.trim() });
  store();
  move(1);
}

function undo() {
  const card = data.cards[place];
  if (!card || !decisions.delete(card.sha256)) return;
  store();
  show();
}

function move(step) {
  place = Math.min(Math.max(place + step, 0), data.cards.length - 1);
  show();
  part("main").focus({ preventScroll: true });
}

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  if (content) made.append(content);
  return Object.assign(made, attributes);
}

// A button's face: the key in front, then its words.
function face(button, key, label) {
  button.replaceChildren(...(key ? [element("kbd", key)] : []), element("span", label));
}

// Which sentence says what the label is and what the model thinks.
function opinion(card) {
  if (!card.label) return "open";
  if (!card.answer) return "unseen";
  if (card.answer === card.label) return "agrees";
  return card.reasons.includes("field_mistake") ? "wrong" : "says";
}

function show() {
  const done = data.cards.filter((card) => decisions.has(card.sha256)).length;
  part("progress").textContent = text("progress", { done, total: data.cards.length });
  part("bar").value = data.cards.length ? done / data.cards.length : 1;
  part("save").disabled = !decisions.size;
  const card = data.cards[place];
  part("card").hidden = !card;
  part("empty").hidden = Boolean(card);
  if (!card) return;
  part("image").src = data.images[card.path] ?? "";
  part("image").alt = card.path;
  part("path").textContent = card.path;
  part("reasons").replaceChildren(...card.reasons.map((reason) => element("li", words[reason])));
  const values = { label: card.label, answer: card.answer, score: percent(card.score), own: percent(card.label_score) };
  part("said").textContent = text(opinion(card), values);
  part("held").textContent = card.held_out ? words.held_out : "";
  part("near-title").textContent = card.near.length ? words.near : "";
  part("near").replaceChildren(...card.near.map((near) => {
    const image = element("img", "", { src: data.images[near.path] ?? "", alt: near.path });
    const figure = element("figure", image);
    figure.append(element("figcaption", near.label));
    return figure;
  }));
  const decision = decisions.get(card.sha256);
  part("note").value = decision?.note ?? "";
  [...part("choices").children].forEach((button, index) => {
    const label = data.labels[index];
    const chosen = decision?.decision === RELABEL ? decision.label : decision?.decision === KEEP ? card.label : null;
    button.setAttribute("aria-pressed", String(label === chosen));
    button.classList.toggle("own", label === card.label);
  });
  part("keep").setAttribute("aria-pressed", String(decision?.decision === KEEP));
  part("leave").setAttribute("aria-pressed", String(decision?.decision === LEAVE_OUT));
  part("keep").disabled = !card.label;
  part("undo").disabled = !decision;
  part("back").disabled = place === 0;
  part("next").disabled = place === data.cards.length - 1;
  part("place").textContent = text("place", { place: place + 1, total: data.cards.length });
}

const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

function csv() {
  const rows = [...decisions].map(([sha256, { decision, label, note }]) => [sha256, decision, label, note]);
  return [COLUMNS, ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
}

function save() {
  if (!decisions.size) return;
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  element("a", "", { href: address, download: "decisions.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  const photos = data.photos ? text("saved_photos", { command: data.photos }) : "";
  part("after").replaceChildren(text("saved", { command: data.command }), element("br"), photos);
}

const KEYS = {
  " ": () => decide(KEEP, data.cards[place]?.label),
  x: () => decide(LEAVE_OUT, data.cards[place]?.label),
  u: undo,
  s: save,
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === part("note")) return;
  if (event.key === " " && event.target.tagName === "BUTTON") return;
  const number = Number(event.key);
  const act = number >= 1 && number <= Math.min(NUMBERED, data.labels.length)
    ? () => decide(RELABEL, data.labels[number - 1])
    : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

part("note").addEventListener("change", () => {
  const card = data.cards[place], decision = card && decisions.get(card.sha256);
  if (!decision) return;
  decision.note = part("note").value.trim();
  store();
});

document.documentElement.lang = words.lang;
document.title = part("title").textContent = text("title", { run: data.run });
part("empty").textContent = words.empty;
part("note-title").textContent = words.note;
part("keys").textContent = words.keys;
part("choices").setAttribute("aria-label", words.choices);
part("choices").append(...data.labels.map((label, index) => {
  const button = element("button", "", { type: "button", onclick: () => decide(RELABEL, label) });
  face(button, index < NUMBERED ? String(index + 1) : "", label);
  return button;
}));
for (const [id, key, act] of [
  ["keep", "␣", KEYS[" "]], ["leave", "X", KEYS.x], ["undo", "U", undo], ["save", "S", save],
  ["back", "←", KEYS.ArrowLeft], ["next", "→", KEYS.ArrowRight],
]) {
  face(part(id), key, words[id]);
  part(id).addEventListener("click", act);
}
show();
