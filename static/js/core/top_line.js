// The sentence on top of a page without live figures of its own: asked for now and then, and counted on meanwhile.
import { NO_ANSWER } from "./labels.js";
import { load } from "./load.js";
import { showNotice } from "./notice.js";
import { atOneMoment } from "./server_clock.js";
import { subjectOf } from "./subject.js";
import { topSentence } from "./top_sentence.js";

/** @import { Subject } from "./subject.js" */

const EVERY_MS = 15_000;
const MISSED_MS = 3000; // before it is asked again after an answer that did not come

/**
 * Keep the sentence on top of this page true. ``chosen`` returns the id of the house that the page shows, "" for all;
 * null: none that is known to be configured. ``told`` is given each answer. Return a function that asks at once: after
 * another house was chosen.
 * @param {() => string | null} chosen
 * @param {(found: SiteOverview | SiteHouse) => void} [told]
 */
export function followTopSentence(chosen, told = () => {}) {
  /** @type {Subject | null} */
  let subject = null;
  let lost = false;
  let timer = 0;
  let asked = 0;
  const draw = () => atOneMoment(() => showNotice(lost ? { words: NO_ANSWER, level: "bad" } : topSentence(subject)));
  async function ask() {
    clearTimeout(timer);
    const number = ++asked;
    const id = chosen();
    const found = document.hidden ? null : await load(id ? `api/site/${encodeURIComponent(id)}` : "api/site");
    if (number !== asked) return;
    if (!document.hidden) {
      lost = !found;
      subject = found && id !== null ? subjectOf(found) : null;
      draw();
      if (found) told(found);
    }
    timer = window.setTimeout(ask, found ? EVERY_MS : MISSED_MS);
  }
  setInterval(() => document.hidden || draw(), 1000);
  ask();
  return () => {
    subject = null;
    ask();
  };
}
