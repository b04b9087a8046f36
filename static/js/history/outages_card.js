// When the grid was away: a list with begin, length, charge at both ends and the energy of the home.
import { find, h, text } from "../core/dom.js";
import { DASH, energy, known, moment, percent, span } from "../core/format.js";
import { say } from "../core/texts.js";

/** @typedef {OutageList["outages"][number]} Outage */

const COLUMNS = [
  say("history.outages.began"),
  say("history.outages.lasted"),
  say("history.outages.charge"),
  say("history.outages.used"),
];

/**
 * Show the outages of the range.
 * @param {OutageList | null} answer
 * @param {Record<string, string>} names of the houses; with more than one, each outage says of which it is
 * @param {boolean} isWatched whether anything was ever read of what is shown
 */
export function showOutages(answer, names, isWatched) {
  const count = answer?.count ?? 0;
  text(find("outages-total"), answer?.count ? totalWords(answer) : noneWords(answer, isWatched));
  find("outages-scroll").hidden = !count;
  const several = Object.keys(names).length > 1;
  const heads = [...(several ? [say("history.outages.house")] : []), ...COLUMNS];
  const head = h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name))));
  const rows = (answer?.outages ?? []).map((one) => {
    const house = several ? [h("td.start", {}, names[one.gateway] ?? one.gateway)] : [];
    const begin = h(
      "th",
      { scope: "row" },
      known(one.begin) ? moment(one.begin, true) : say("history.outages.unknownBegin"),
    );
    return h("tr", {}, ...house, begin, ...cellsOf(one).map((cell) => h("td", {}, cell)));
  });
  find("outages").replaceChildren(head, h("tbody", {}, ...rows));
  const listed = rows.length;
  text(find("outages-more"), listed < count ? say("history.outages.more", { count: listed }) : "");
}

/** @param {OutageList | null} answer @param {boolean} isWatched */
function noneWords(answer, isWatched) {
  if (!answer) return say("history.outages.unknown");
  return say(isWatched ? "history.outages.none" : "history.outages.notWatched");
}

/** @param {OutageList} answer */
function totalWords(answer) {
  const [newest] = answer.outages;
  if (answer.count === 1 && newest.begin === null && newest.end === null) return say("history.outages.before");
  const values = { n: answer.count, length: span(answer.seconds) };
  return say(answer.unknown_begins ? "history.outages.atLeast" : "history.outages.total", values);
}

/** @param {Outage} one */
function cellsOf(one) {
  const length = known(one.duration_seconds) ? span(one.duration_seconds) : DASH;
  const lasted = one.end === null ? `${length}, ${say("history.outages.goesOn")}` : length;
  const charge = `${percent(one.charge_begin_percent)} → ${one.end === null ? "…" : percent(one.charge_end_percent)}`;
  return [
    one.purpose === "scheduled" ? `${lasted}, ${say("history.outages.onPurpose")}` : lasted,
    charge,
    energy(one.home_wh),
  ];
}

/**
 * Return the spans of the outages, for the charts: [from, to] in epoch seconds.
 * @param {OutageList | null} answer
 * @param {number} now
 * @returns {[number, number][]}
 */
export const spansOf = (answer, now) =>
  (answer?.outages ?? []).flatMap(({ begin, end }) => (known(begin) ? [[begin, end ?? now]] : []));
