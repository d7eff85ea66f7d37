/** The words of the page, in the browser's language: English or French, as the app. */

let words = {};
let language = "en";

/** Chooses the language; `all` is words.json. */
export function speak(all) {
  language = navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
  words = all[language];
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = say(element.dataset.words);
  for (const element of document.querySelectorAll("[data-spoken]")) element.ariaLabel = say(element.dataset.spoken);
}

/** A text with its places {0}, {1}, … filled in; the first number decides between singular and plural. */
export function say(key, ...values) {
  const entry = words[key];
  const text = typeof entry === "string" ? entry
    : entry[new Intl.PluralRules(language).select(values.find((value) => typeof value === "number"))] ?? entry.other;
  return text.replace(/\{(\d)\}/g, (_, place) => {
    const value = values[place];
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

/** A share as a percentage without decimals. */
export function percent(share) {
  return say("percent", String(Math.round(100 * share)));
}

/** A number with so many decimals. */
export function decimals(value, digits) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
