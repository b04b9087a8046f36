// The words of the pages in the reader's language. before_first_paint.js has chosen it, asked for its file, one of texts/,
// and put it into the HTML: only that one is loaded.

const root = document.documentElement;
/** Round English words of the server that this language has no others for. */
const [BEGIN, END] = ["\uE000", "\uE001"];
const language = root.lang;

/** Say whether this is a form of the page's language that Intl takes: some browsers tell "en-US@posix". @param {string} tag */
function isOwn(tag) {
  try {
    return new Intl.Locale(tag).language === language;
  } catch {
    return false;
  }
}

/** How numbers and times are written, as Intl takes it; undefined: as the browser does, also for readers of French. */
export const locale = language === "en" ? undefined : (navigator.languages.find(isOwn) ?? language);

/** Pages that have no texts of their own use modules of those that have. @type {Promise<any>} */
const common = window.pwserverTexts ?? import("../texts/en.js");
/** @type {Texts} */
const { TEXTS, SERVER_TEXTS } = await common;
/** Those of the server; ``learn`` adds to them. */
let known = SERVER_TEXTS;
/** Those with a {place} to be filled in, made when the first is looked for. @type {[RegExp, string][] | null} */
let patterns = null;
const plurals = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });

/**
 * Return a text with these values filled in; numbers are written as whole ones. One that counts chooses its form by ``n``.
 * @template {TextKey} Key
 * @param {Key} key
 * @param {TextValues<Key>} values
 * @returns {string}
 */
export function say(key, ...values) {
  /** @type {Record<string, string | number>} */
  const given = values[0] ?? {};
  const text = TEXTS[key];
  const words = typeof text === "string" ? text : text[plurals.select(Number(given.n)) === "one" ? "one" : "other"];
  return words.replace(/\{(\w+)\}/g, (_, name) => {
    const value = given[name];
    return typeof value === "number" ? whole.format(value) : value;
  });
}

/**
 * Return the text of an id of the server, "mode." and "backup" for instance; an id that is newer than this page as it is.
 * @param {string} begin
 * @param {string} id
 */
export function sayId(begin, id) {
  const key = begin + id;
  return Object.hasOwn(TEXTS, key) ? say(/** @type {"page.api"} */ (key)) : id;
}

/**
 * Learn further sentences of the server in this language, those that are wanted after a click only.
 * @param {"explain"} what
 */
export async function learn(what) {
  if (language === "en") return;
  const more = await import(`../texts/${language}_${what}.js`).catch(() => null); // then they are in English
  known = { ...more?.SERVER_TEXTS, ...SERVER_TEXTS };
  patterns = null;
}

/**
 * Return a sentence of the server in this language; where there is none, in English and marked so. What it has in brackets
 * at its end, an address for instance, is a sentence of its own.
 * @param {string} words
 * @returns {string}
 */
export function translated(words) {
  if (!words || language === "en") return words;
  if (known[words]) return known[words];
  const [, sentence = "", detail = ""] = /^(.*?) \((.*)\)$/s.exec(words) ?? [];
  return known[sentence] ? `${known[sentence]} (${translated(detail)})` : (filled(words) ?? english(words));
}

/** Return a sentence that has numbers or names in it; null where none fits. @param {string} words */
function filled(words) {
  patterns ??= Object.entries(known)
    .filter(([sentence]) => sentence.includes("{"))
    .map(([sentence, text]) => [patternOf(sentence), text]);
  for (const [pattern, text] of patterns) {
    const found = pattern.exec(words)?.groups;
    if (found) return text.replace(/\{(\w+)\}/g, (_, name) => valueIn(name, found[name]));
  }
  return null;
}

/** @param {string} sentence */
function patternOf(sentence) {
  const plain = sentence.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^${plain.replace(/\{(\w+)\}/g, "(?<$1>.+?)")}$`, "s");
}

/** Return what stands at a place of a sentence: {why} and {what} are sentences. @param {string} name @param {string} value */
function valueIn(name, value) {
  if (name === "why" || name === "what") return translated(value);
  return /^-?\d+(\.\d+)?$/.test(value) ? decimal.format(Number(value)) : (known[value] ?? value);
}

/** @param {string} words */
const english = (words) => BEGIN + words + END;

/** Return words without marks, for places that have no language of their own: attributes. @param {string} words */
export const unmarked = (words) => words.replaceAll(BEGIN, "").replaceAll(END, "");

/** Return the parts of words, in turn in this language and in English. @param {string} words */
export const languageParts = (words) => words.split(/[\uE000\uE001]/);

/** Return words as a sentence: with a capital and a full stop. @param {string | null | undefined} words */
export function asSentence(words) {
  if (!words) return "";
  const begun = words.replace(/^\uE000?./u, (first) => first.toUpperCase());
  return /[.!?]\uE001?$/.test(begun) ? begun : `${begun}.`;
}

/** Return a title as it stands within a sentence: German nouns keep their capital. @param {string} words */
export const inSentence = (words) => (language === "de" ? words : words.toLocaleLowerCase());

/** Return words without the full stop at their end. @param {string} words */
export const withoutStop = (words) => words.replace(/[.](\uE001?)$/, "$1");
