// The notice at the top of a page: what is wrong, and in smaller letters what changes every second.
import { find, text } from "./dom.js";

/**
 * What is said: ``more`` is not read aloud; ``block``: long enough to need room of its own. No words: nothing.
 * @typedef {{words: string, more?: string, bad?: boolean, block?: boolean}} Notice
 */

/** Show a notice. @param {Notice} notice */
export function showNotice({ words, more = "", bad = false, block = false }) {
  const box = /** @type {HTMLElement} */ (find("notice").parentElement);
  text(find("notice"), words);
  text(find("more"), more);
  for (const [name, on] of Object.entries({ said: Boolean(words), bad, block })) box.classList.toggle(name, on);
}
