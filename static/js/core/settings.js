// What this browser remembers: theme, temperature unit, cards. Private windows and foreign frames may refuse; then
// everything still works for as long as the page is open.
const KEY = "pwserver.settings";
const DEFAULTS = { theme: "auto", temperature: "", gateway: "", hidden: [], order: [] };
const listeners = new Set();

export function remembered(key, otherwise = null, storage = () => localStorage) {
  try {
    return JSON.parse(storage().getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(key, value, storage = () => localStorage) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch {
    /* full or forbidden: forget it */
  }
}

export const settings = { ...DEFAULTS, ...remembered(KEY, {}) };

/** Change some settings, keep them, and tell everybody who listens. */
export function change(some) {
  Object.assign(settings, some);
  remember(KEY, settings);
  if ("theme" in some) window.dispatchEvent(new Event("pwserver:theme"));
  for (const listener of listeners) listener(settings);
}

export function onChange(listener) {
  listeners.add(listener);
}
