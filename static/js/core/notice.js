// The notice at the top of a page: what is wrong, and in smaller letters what changes every second.
import { text } from "./dom.js";

const find = (id) => document.getElementById(id);

/** Show {words, more, bad, block} of core/sentences.js; no words: nothing. */
export function showNotice({ words, more = "", bad = false, block = false }) {
  const box = find("notice").parentElement;
  text(find("notice"), words);
  text(find("more"), more);
  for (const [name, on] of Object.entries({ said: Boolean(words), bad, block })) box.classList.toggle(name, on);
}
