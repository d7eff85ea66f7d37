/** The scores of a folder of labelled pictures, as `python -m export photos FOLDER` computes them. */

const Z = 1.959963984540054;

/** Wilson's 95% interval for `right` of n: [low, high]. */
function wilson(right, n) {
  if (!n) return [0, 1];
  const share = right / n;
  const widened = 1 + Z ** 2 / n;
  const middle = (share + (widened - 1) / 2) / widened;
  const reach = Math.sqrt((widened - 1) * (share * (1 - share) + (widened - 1) / 4)) / widened;
  return [Math.max(0, Math.min(middle - reach, share)), Math.min(1, Math.max(middle + reach, share))];
}

/**
 * Scores pictures, each with `truth` (an index, or -1 for none of the classes), `top` and `probability`.
 *
 * @returns Numbers named as in photos.json; `classes` has those that occur.
 */
export function score(pictures, classes, threshold) {
  const labelled = pictures.filter(({ truth }) => truth >= 0);
  const others = pictures.filter(({ truth }) => truth < 0);
  const answered = labelled.filter(({ probability }) => probability >= threshold);
  const unsure = (some) => some.filter(({ probability }) => probability < threshold).length;
  const right = (some) => some.filter(({ truth, top }) => truth === top).length;
  const confusion = Array.from({ length: classes }, () => new Array(classes).fill(0));
  for (const { truth, top } of labelled) confusion[truth][top]++;
  const rows = confusion.map((row, index) => {
    const own = labelled.filter(({ truth }) => truth === index);
    const called = confusion.reduce((sum, other) => sum + other[index], 0);
    return { index, n: own.length, recall: row[index] / own.length, interval: wilson(row[index], own.length),
      dontKnow: unsure(own) / own.length, f1: (2 * row[index]) / (own.length + called) };
  }).filter((row) => row.n);
  const n = labelled.length;
  return {
    n, confusion, classes: rows,
    accuracy: right(labelled) / n, interval: wilson(right(labelled), n),
    macroF1: rows.reduce((sum, row) => sum + row.f1, 0) / rows.length,
    dontKnow: unsure(labelled) / n, dontKnowInterval: wilson(unsure(labelled), n),
    rightOfAnswered: answered.length ? right(answered) / answered.length : null,
    outside: { n: others.length, dontKnow: unsure(others) / others.length,
      interval: wilson(unsure(others), others.length) },
  };
}

/** The answers as CSV, probabilities in full precision. */
export function csv(pictures, labels) {
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = pictures.map(({ path, truth, top, probabilities }) => [path, labels[truth] ?? "none", labels[top],
    ...Array.from(probabilities, String)]);
  return [["path", "truth", "answer", ...labels], ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}
