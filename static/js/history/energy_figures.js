// The energies that are shown: their sum, the times they are compared with, and the table of the bars.
import { ownFormula, ownWords } from "../charts/energy_bars.js";
import { find, h, keyed, text } from "../core/dom.js";
import { DASH, energyOfKwh, known, number, percent } from "../core/format.js";
import { say } from "../core/texts.js";
import { daysTitle, longBarName, periodTitle, titleOfWeek, windowTitle } from "./range_title.js";

/**
 * @import { DayTotal, Kind } from "../charts/energy_bars.js"
 *
 * @typedef {NonNullable<WindowTotals["previous"]>} WindowBefore
 * @typedef {CalendarTotals["periods"][number]} Period
 * @typedef {Partial<Record<`${Kind}_kwh` | "self_powered_percent", number | null>>} Figures
 *
 * @typedef {object} Compared one time that is compared with
 * @property {string} title
 * @property {Figures} figures
 * @property {Figures} change what was more in the time that is shown
 */

const MOST_ROWS = 800;
const COLUMNS = /** @type {const} */ ([
  ["solar", "solar"],
  ["home", "home"],
  ["grid_import", "grid"],
  ["grid_export", "grid"],
  ["battery_charge", "battery"],
  ["battery_discharge", "battery"],
]);
/** @param {typeof COLUMNS[number][0]} kind */
const titleOf = (kind) => say(`history.energies.${kind}`);

/** Show the sum of exactly what is shown, as the server adds it up. @param {DayTotal} sum @param {string} title */
export function showTotals(sum, title) {
  const entries = [
    ...COLUMNS.map(([kind, colour]) => ({ label: titleOf(kind), colour, words: energyOfKwh(sum[kind]) })),
    { label: say("history.selfPowered"), colour: "", words: ownWords(sum) },
  ];
  const labels = entries.map(({ label }) => label);
  const rows = keyed(find("totals"), labels, (label) => {
    const { colour } = entries[labels.indexOf(label)];
    const swatch = colour ? h("span.swatch", { style: `--colour: var(--${colour})` }) : null;
    const value = h("dd");
    return { element: h("div", {}, h("dt", {}, swatch, label), value), value };
  });
  for (const [index, { words }] of entries.entries()) text(rows[index].value, words);
  text(find("totals-title"), say("history.energyIn", { title }));
  text(find("formula"), known(sum.home) ? ownFormula(sum) : "");
}

/**
 * Return what a window is compared with: the same length before, and the same of the year before.
 * @param {WindowTotals} totals
 * @returns {Compared[]}
 */
export const comparedWindows = (totals) =>
  [totals.previous, totals.year_before].flatMap((one) =>
    one ? [{ title: windowTitle(one.from, one.to), figures: one, change: one.change }] : [],
  );

/**
 * Return what a calendar period is compared with.
 * @param {(Period | null)[]} answers beside the period before, and beside the same of the year before
 * @param {string} kind
 * @returns {Compared[]}
 */
export const comparedPeriods = (answers, kind) =>
  answers.flatMap((one) =>
    one?.previous && one.change ? [{ title: periodWords(one, kind), figures: one.previous, change: one.change }] : [],
  );

/** @param {Period} one @param {string} kind */
function periodWords({ previous, compared, running }, kind) {
  const title = labelTitle(previous?.period ?? "", kind);
  if (compared !== "same days") return title;
  const days = previous?.days ?? 0;
  return kind === "day" && running ? say("history.sameHours", { title }) : say("history.sameDays", { n: days, title });
}

/** Write the name of a period by the server's label: 2026-11-26, 2026-W48, 2026-11, 2026. @param {string} label */
function labelTitle(label, /** @type {string} */ kind) {
  if (kind === "day") return daysTitle(label, label);
  if (kind === "week") return titleOfWeek(Number(label.slice(6)), label.slice(0, 4));
  return periodTitle(kind, `${label}-01-01`.slice(0, 10), "");
}

/** Show the comparisons as a table: one column for each energy. @param {Compared[]} compared */
export function showComparison(compared) {
  if (!compared.length) {
    find("comparison").replaceChildren(h("p.formula", {}, say("history.nothingBefore")));
    return;
  }
  const names = [...COLUMNS.map(([kind]) => titleOf(kind)), say("history.selfPowered")];
  const head = h("tr", {}, h("td"), ...names.map((words) => h("th", { scope: "col" }, words)));
  const rows = compared.flatMap(({ title, figures, change }) => [
    h("tr", {}, h("th", { scope: "row" }, title), ...cells(figures, (value, write) => write(value))),
    h("tr.change", {}, h("th", { scope: "row" }, say("history.change")), ...cells(change, signed)),
  ]);
  const caption = h("caption.unseen", {}, say("history.comparison"));
  const table = h("table", {}, caption, h("thead", {}, head), h("tbody", {}, ...rows));
  const room = h("div.scroll", { tabindex: "0", role: "region", "aria-label": say("history.comparison") }, table);
  find("comparison").replaceChildren(room);
}

/**
 * @param {Figures} figures
 * @param {(value: number | null | undefined, write: (value: number | null | undefined) => string) => string} write
 */
function cells(figures, write) {
  const energies = COLUMNS.map(([kind]) => h("td", {}, write(figures[`${kind}_kwh`], energyOfKwh)));
  return [
    ...energies,
    h(
      "td",
      {},
      write(figures.self_powered_percent, (value) => percent(value)),
    ),
  ];
}

/**
 * Write a change with its sign.
 * @param {number | null | undefined} value
 * @param {(value: number) => string} write
 */
function signed(value, write) {
  if (!known(value)) return DASH;
  return `${value < 0 ? "−" : "+"}${write(Math.abs(value))}`;
}

/**
 * Show the table of the bars, the newest first.
 * @param {DayTotal[]} bars
 * @param {WindowTotals["step"]} step
 */
export function showTable(bars, step) {
  const titles = [
    say(`history.column.${step}`),
    ...COLUMNS.map(([kind]) => `${titleOf(kind)} kWh`),
    say("history.selfPowered"),
  ];
  const head = h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title))));
  const rows = [...bars]
    .reverse()
    .slice(0, MOST_ROWS)
    .map((one) => {
      const name = h("time", { datetime: one.day }, longBarName(one.day));
      const energies = COLUMNS.map(([kind]) => h("td", {}, number(one[kind], 2)));
      const own = h("td", { title: ownFormula(one) }, ownWords(one));
      return h("tr", {}, h("th", { scope: "row" }, name), ...energies, own);
    });
  text(find("table-title"), say(`history.table.${step}`));
  find("table").replaceChildren(head, h("tbody", {}, ...rows));
}
