// The seven-day checks: of one house each check, its likely cause and what helps; of several, which of them fail where.
import { attribute, h, keyed, text } from "../../core/dom.js";
import { known, percent, span } from "../../core/format.js";
import { checkStateWords, checkWords } from "../../core/labels.js";
import { load } from "../../core/load.js";
import { when } from "../../core/sentences.js";
import { asSentence, say, translated } from "../../core/texts.js";

/**
 * @typedef {HouseChecks["checks"][number]} Check
 * @typedef {{key: string, title: string, state: string, found: string, why: string}} Row
 */

const WEEK_SECONDS = 7 * 86_400;
const MOST_HOUSES = 12;

function checkRow() {
  const [title, found, why, pill] = [h("b"), h("small"), h("p.why"), h("span.pill")];
  return { element: h("li", {}, h("span", {}, title, " ", found), pill, why), title, found, why, pill };
}

/** @type {Card["create"]} */
export function checks(card, app, hint) {
  const list = h("ul.alerts");
  const none = h("p.none", {}, say("page.asking"));
  card.append(list, none);
  /** @param {Row[]} rows @param {string} words */
  function show(rows, words) {
    const shown = keyed(
      list,
      rows.map((row) => row.key),
      checkRow,
    );
    for (const [index, { title, state, found, why }] of rows.entries()) {
      const row = shown[index];
      const [word, colour] = checkStateWords(state);
      text(row.title, title);
      text(row.found, found);
      text(row.why, why);
      row.why.hidden = !why;
      text(row.pill, word);
      attribute(row.pill, "class", `pill ${colour}`);
    }
    none.hidden = Boolean(rows.length);
    text(none, words);
  }
  return {
    every: 60,
    async refresh() {
      const all = app.overview?.gateways ?? [];
      if (!all.length) {
        if (app.overview) show([], say("gateways.none"));
        return Boolean(app.overview);
      }
      const id = app.gateway || (all.length === 1 ? all[0].id : "");
      if (id && !all.some((one) => one.id === id)) return true; // remembered, and no longer configured
      if (id) {
        const house = await load(`api/checks/${encodeURIComponent(id)}`);
        if (!house) return false;
        const { begin, end } = house;
        const seconds = known(begin) && known(end) ? end - begin : 0;
        show(house.checks.map(rowOf), "");
        hint(seconds > 0 && seconds < WEEK_SECONDS ? say("checks.knownFor", { time: span(seconds) }) : "");
        return true;
      }
      const answer = await load("api/checks");
      if (!answer) return false;
      const failing = answer.houses.filter((house) => house.counts.fail);
      const more = failing.length - MOST_HOUSES;
      show(failing.slice(0, MOST_HOUSES).map(houseRow), say("checks.none"));
      hint(more > 0 ? say("checks.more", { count: more }) : "");
      return true;
    },
  };
}

/** @param {number | null} since @param {number | null} ended */
function lasting(since, ended) {
  if (known(since)) return say("checks.since", { time: when(since) });
  return known(ended) ? say("checks.until", { time: when(ended) }) : "";
}

/** @param {string | null} sentence @param {string | null} advice */
const likely = (sentence, advice) =>
  `${say("checks.likely", { cause: translated(sentence ?? "") })} ${translated(advice ?? "")}`;

/** @param {Check} check @returns {Row} */
function rowOf(check) {
  const { id, state, names, since, ended, why, sentence, advice } = check;
  const found = [
    known(check.percent) ? percent(check.percent, check.percent < 99.95 ? 1 : 0) : "",
    id === "clock-agrees" && known(check.seconds) && state === "fail"
      ? say("checks.apart", { time: span(Math.abs(check.seconds)) })
      : "",
    names.join(", "),
    lasting(since, ended),
  ];
  const words = state === "fail" ? likely(sentence, advice) : asSentence(translated(why ?? ""));
  return { key: id, title: checkWords(id), state, found: found.filter(Boolean).join(" · "), why: words };
}

/** @param {DocumentAt<"api/checks">["houses"][number]} house @returns {Row} */
function houseRow({ id, name, states }) {
  const failed = Object.entries(states).filter(([, state]) => state === "fail");
  return { key: id, title: name, state: "fail", found: failed.map(([check]) => checkWords(check)).join(", "), why: "" };
}
