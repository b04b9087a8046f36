// The energies of the days that are shown: their sum, and the table of days.
import { ownFormula, ownWords } from "../charts/energy_bars.js";
import { find, h, keyed, text } from "../core/dom.js";
import { dateOf, dayName, energyOfKwh, number } from "../core/format.js";

/** @import { DayTotal, Kind } from "../charts/energy_bars.js" */

const MOST_ROWS = 800;
const DAY_FORMAT = /** @type {const} */ ({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
/** @type {[kind: Kind, label: string, colour: string][]} */
const COLUMNS = [
  ["solar", "Solar", "solar"],
  ["home", "Home", "home"],
  ["grid_import", "Bought", "grid"],
  ["grid_export", "Sold", "grid"],
  ["battery_charge", "Charged", "battery"],
  ["battery_discharge", "Discharged", "battery"],
];

/**
 * Show the sum of the days that the range touches, as the server adds them up; days are never divided.
 * @param {DayTotal} sum
 * @param {DayTotal[]} days
 */
export function showTotals(sum, days) {
  const entries = [
    ...COLUMNS.map(([kind, label, colour]) => ({ label, colour, words: energyOfKwh(sum[kind]) })),
    { label: "Self-powered", colour: "", words: ownWords(sum) },
  ];
  const labels = entries.map(({ label }) => label);
  const rows = keyed(find("totals"), labels, (label) => {
    const { colour } = entries[labels.indexOf(label)];
    const swatch = colour ? h("span.swatch", { style: `--colour: var(--${colour})` }) : null;
    const value = h("dd");
    return { element: h("div", {}, h("dt", {}, swatch, label), value), value };
  });
  for (const [index, { words }] of entries.entries()) text(rows[index].value, words);
  text(find("totals-title"), titleOf(days));
  text(find("formula"), days.length ? ownFormula(sum) : "");
}

/** @param {DayTotal[]} days */
function titleOf(days) {
  if (days.length > 1) return `Energy in these ${number(days.length)} days`;
  return days.length ? `Energy on ${dayName(dateOf(days[0].day))}` : "Energy";
}

/** Show the table, newest day first. @param {DayTotal[]} days */
export function showTable(days) {
  const titles = ["Day", ...COLUMNS.map(([, label]) => `${label} kWh`), "Self-powered"];
  const head = h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title))));
  const rows = [...days]
    .reverse()
    .slice(0, MOST_ROWS)
    .map((one) => {
      const date = h("time", { datetime: one.day }, dateOf(one.day).toLocaleDateString(undefined, DAY_FORMAT));
      const energies = COLUMNS.map(([kind]) => h("td", {}, number(one[kind], 2)));
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, date),
        ...energies,
        h("td", { title: ownFormula(one) }, ownWords(one)),
      );
    });
  find("table").replaceChildren(head, h("tbody", {}, ...rows));
}
