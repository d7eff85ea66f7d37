/** Elements of the page that are made of answers: bars, tables, cards. Text is always text, never markup. */

import { decimals, percent, say } from "./words.js";

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; null is no child. */
export function h(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A name that a user chose; one that runs from right to left does not reorder what is beside it. */
export const name = (text) => h("bdi", { textContent: text });
export const line = (tag, text) => h(tag, { textContent: text });

/** The most probable answers as bars; those below the threshold are pale. */
export function bars(order, probabilities, labels, threshold) {
  return order.map((index) => {
    const bar = h("i");
    bar.style.setProperty("--share", probabilities[index]);
    return h("li", { className: probabilities[index] < threshold ? "below" : "" }, name(labels[index]),
      h("span", { className: "bar" }, bar), line("b", percent(probabilities[index])));
  });
}

function table(caption, heads, rows, className = "") {
  const cells = rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, name(first)),
    ...others.map((cell) => cell instanceof Node ? cell : line("td", cell))));
  const head = h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, name(text))));
  return h("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption },
    h("table", { className }, line("caption", caption), h("thead", {}, head), h("tbody", {}, ...cells)));
}

const interval = ([low, high]) => say("interval", decimals(low, 3), decimals(high, 3));

function number(title, value, bounds) {
  return h("div", {}, line("dt", title), h("dd", {}, value, bounds ? line("small", `95%: ${interval(bounds)}`) : null));
}

/** What `score` found, as `python -m export photos` tells it; `open(truth, answer)` shows the pictures of a cell. */
export function results(scores, labels, open) {
  const { n, outside, rightOfAnswered: right } = scores;
  const none = outside.n
    ? line("p", say("outside", percent(outside.dontKnow), outside.n, interval(outside.interval))) : null;
  if (!n) return [line("p", say("nothing_scored")), none];
  const facts = h("dl", { className: "numbers" }, number(say("pictures"), String(n)),
    number(say("accuracy"), decimals(scores.accuracy, 3), scores.interval),
    number(say("macro_f1"), decimals(scores.macroF1, 3)),
    number(say("dont_know"), decimals(scores.dontKnow, 3), scores.dontKnowInterval));
  const recall = (row) => h("td", {}, decimals(row.recall, 3), line("small", interval(row.interval)));
  const classes = table(say("by_class"), [say("class"), say("pictures"), say("recall_95"), say("dont_know")],
    scores.classes.map((row) => [labels[row.index], String(row.n), recall(row), decimals(row.dontKnow, 3)]));
  return [facts, right === null ? null : line("p", say("answered_right", percent(right))), classes,
    confusion(scores, labels, open), none];
}

function confusion({ confusion: counts, classes }, labels, open) {
  const columns = [...labels.keys()].filter((index) => counts.some((row, truth) => row[index] || (truth === index
    && classes.some((own) => own.index === index))));
  const cell = ({ index: truth, n }, answer) => {
    const count = counts[truth][answer];
    const made = h("td", { className: truth === answer ? "right" : "" }, count ? h("button", { textContent: count,
      ariaLabel: say("cell", labels[truth], labels[answer], count), onclick: () => open(truth, answer) }) : "0");
    made.style.setProperty("--share", count / n);
    return made;
  };
  return table(say("confusion"), [say("truth_answer"), ...columns.map((index) => labels[index])],
    classes.map((row) => [labels[row.index], ...columns.map((answer) => cell(row, answer))]), "confusion");
}

/** A small picture that is a button; its file is not read before it is seen. */
export function thumbnail(one, show) {
  one.url ??= URL.createObjectURL(one.blob);
  return h("button", { className: "thumb", ariaLabel: say("show", one.path), onclick: () => show(one) },
    h("img", { src: one.url, alt: "", loading: "lazy" }));
}

export function save(blob, file) {
  const link = h("a", { href: URL.createObjectURL(blob), download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
