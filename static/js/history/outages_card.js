// When the grid was away: a list with begin, length, charge at both ends and the energy of the home.
import { find, h, text } from "../core/dom.js";
import { DASH, energy, known, moment, percent, span } from "../core/format.js";
import { TEXTS } from "./texts_en.js";

/** @typedef {OutageList["outages"][number]} Outage */

/**
 * Show the outages of the range.
 * @param {OutageList | null} answer
 * @param {Record<string, string>} names of the houses; with more than one, each outage says of which it is
 */
export function showOutages(answer, names) {
  const words = TEXTS.outages;
  const count = answer?.count ?? 0;
  const total = words.total(count, span(answer?.seconds)) + (answer?.unknown_begins ? words.atLeast : "");
  text(find("outages-total"), answer ? (count ? total : words.none) : words.unknown);
  find("outages-scroll").hidden = !count;
  const several = Object.keys(names).length > 1;
  const heads = [...(several ? [words.house] : []), ...words.columns];
  const head = h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name))));
  const rows = (answer?.outages ?? []).map((one) => {
    const house = several ? [h("td.start", {}, names[one.gateway] ?? one.gateway)] : [];
    const begin = h("th", { scope: "row" }, known(one.begin) ? moment(one.begin, true) : words.unknownBegin);
    return h("tr", {}, ...house, begin, ...cellsOf(one).map((cell) => h("td", {}, cell)));
  });
  find("outages").replaceChildren(head, h("tbody", {}, ...rows));
  const listed = rows.length;
  text(find("outages-more"), listed < count ? words.more(listed) : "");
}

/** @param {Outage} one */
function cellsOf(one) {
  const words = TEXTS.outages;
  const length = known(one.duration_seconds) ? span(one.duration_seconds) : DASH;
  const lasted = one.end === null ? `${length}, ${words.goesOn}` : length;
  const charge = `${percent(one.charge_begin_percent)} → ${one.end === null ? "…" : percent(one.charge_end_percent)}`;
  return [one.purpose === "scheduled" ? `${lasted}, ${words.onPurpose}` : lasted, charge, energy(one.home_wh)];
}

/**
 * Return the spans of the outages, for the charts: [from, to] in epoch seconds.
 * @param {OutageList | null} answer
 * @param {number} now
 * @returns {[number, number][]}
 */
export const spansOf = (answer, now) =>
  (answer?.outages ?? []).flatMap(({ begin, end }) => (known(begin) ? [[begin, end ?? now]] : []));
