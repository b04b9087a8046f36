// What this browser remembers: theme, temperature unit, cards. Private windows and foreign frames may refuse storage;
// then everything still works for as long as the page is open.

/**
 * @typedef {object} Settings
 * @property {string} theme "auto", "light" or "dark"
 * @property {string} language "en" or "de"; empty: what the browser wants
 * @property {string} temperature "C" or "F"; empty: what the reader's country uses
 * @property {string} gateway the id of the chosen house; empty: all of them
 * @property {string[]} hidden ids of cards
 * @property {string[]} order ids of cards
 */

const KEY = "pwserver.settings";
/** @type {Settings} */
const DEFAULTS = { theme: "auto", language: "", temperature: "", gateway: "", hidden: [], order: [] };
/** @type {Set<(settings: Settings) => void>} */
const listeners = new Set();

/**
 * Return what was remembered under this key.
 * @param {string} key
 * @param {any} otherwise
 */
export function remembered(key, otherwise = null, storage = () => localStorage) {
  try {
    return JSON.parse(storage().getItem(key) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * Return the text that pypowerwall-server's pages have left under this key of theirs, null where there is none.
 * @param {string} key
 */
export function inherited(key, storage = () => localStorage) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

/** Return the cards that pypowerwall-server's page has left as hidden. @param {string} key */
export function inheritedCards(key) {
  const cards = remembered(key, []);
  return Array.isArray(cards) ? cards.filter((one) => typeof one === "string").slice(0, 100) : [];
}

/** Return what the pages of pypowerwall-server have left, as settings of ours. @returns {Partial<Settings>} */
function inheritedSettings() {
  const unit = inherited("pw_history_temp_unit");
  return { hidden: inheritedCards("pw_console_hidden_cards"), temperature: unit === "C" || unit === "F" ? unit : "" };
}

/**
 * Remember a value under this key, or forget it: null.
 * @param {string} key
 * @param {unknown} value
 */
export function remember(key, value, storage = () => localStorage) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch {
    // The storage is full or forbidden: the value lasts as long as the page.
  }
}

/** @type {Settings} */
export const settings = { ...DEFAULTS, ...inheritedSettings(), ...remembered(KEY, {}) };

/** Change some settings, remember them, and call everything that listens. @param {Partial<Settings>} some */
export function change(some) {
  Object.assign(settings, some);
  remember(KEY, settings);
  if ("theme" in some) window.dispatchEvent(new Event("pwserver:theme"));
  for (const listener of listeners) listener(settings);
}

/** Call this after every change of the settings. @param {(settings: Settings) => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}
