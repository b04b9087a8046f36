// The sentence at the top of a page, and beside it what changes every few seconds.
import { find, text } from "./dom.js";

/**
 * What is said: ``more`` is not read aloud; ``block``: ``more`` stands on a line of its own; ``large``: in large
 * letters. No words: nothing.
 * @typedef {object} Notice
 * @property {string} words
 * @property {string} [more]
 * @property {"good" | "calm" | "warn" | "bad"} [level]
 * @property {boolean} [block]
 * @property {boolean} [large]
 */

const LEVELS = /** @type {const} */ (["good", "calm", "warn", "bad"]);

/** Show a notice. @param {Notice} notice */
export function showNotice({ words, more = "", level = "calm", block = false, large = false }) {
  const box = /** @type {HTMLElement} */ (find("notice").parentElement);
  text(find("notice"), words);
  text(find("more"), more);
  for (const name of LEVELS) box.classList.toggle(name, name === level);
  for (const [name, on] of Object.entries({ said: Boolean(words), block, large })) box.classList.toggle(name, on);
}
