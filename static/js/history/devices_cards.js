// How healthy the batteries are and which string is weak: what the server finds by the days of each unit and string.
import { LineChart, PALETTE } from "../charts/line_chart.js";
import { around } from "../charts/scales.js";
import { find, h, text } from "../core/dom.js";
import { DASH, energy, known, number, percent } from "../core/format.js";
import { dayStart } from "../core/local_days.js";
import { say, translated } from "../core/texts.js";
import { daysTitle, shortDay } from "./range_title.js";

/**
 * @import { HistoryQueries } from "./queries.js"
 *
 * @typedef {BatteryHealth["gateways"][string]["units"][string]} Unit
 * @typedef {SolarStrings["gateways"][string]["strings"][string]} SolarString
 * @typedef {{name: string, figures: Omit<Unit, "label" | "part" | "type">, about: string}} Battery
 */

const RENEW_MS = 600_000; // what is found changes once a day
const FEWEST_DAYS = 2; // for a curve
const COLUMNS = {
  health: [
    say("history.health.battery"),
    say("history.health.state"),
    say("history.health.full"),
    say("history.health.nominal"),
    say("history.health.trend"),
    say("history.health.cycles"),
  ],
  strings: [
    say("strings.string"),
    say("history.strings.judged"),
    say("history.strings.now"),
    say("history.strings.before"),
  ],
};

export class DevicesCards {
  /** @type {LineChart | null} */
  chart = null;
  chartKey = "";
  /** Of which house, and when, the server was asked. @type {{gateway: string, at: number} | null} */
  asked = null;

  /**
   * Show what is known of a house, or of all.
   * @param {HistoryQueries} queries
   * @param {string} gateway empty: all
   * @param {Record<string, string>} names of the houses
   */
  async show(queries, gateway, names) {
    const isNew = this.asked?.gateway !== gateway;
    if (!isNew && this.asked && performance.now() - this.asked.at < RENEW_MS) return;
    const asked = { gateway, at: performance.now() };
    this.asked = asked;
    const isSeveral = !gateway && Object.keys(names).length > 1;
    const [health, strings] = await Promise.all([
      queries.batteryHealth(gateway, !isSeveral),
      queries.solarStrings(gateway),
    ]);
    if (this.asked !== asked) return;
    if (health?.enabled) this.showHealth(health, isSeveral ? names : {});
    if (strings?.enabled) showStrings(strings, isSeveral ? names : {});
    find("health-card").hidden ||= !health?.enabled;
    find("strings-card").hidden ||= !strings?.enabled;
    // Where there is nothing yet the next renewal asks again.
    if (find("health-card").hidden && find("strings-card").hidden) this.asked = null;
  }

  /** @param {BatteryHealth} health @param {Record<string, string>} names */
  showHealth({ gateways, meaning }, names) {
    const batteries = Object.entries(gateways).flatMap(([id, { whole, units }]) =>
      batteriesOf(names[id], whole, units),
    );
    find("health-card").hidden = !batteries.length;
    const head = h("tr", {}, ...COLUMNS.health.map((words) => h("th", { scope: "col" }, words)));
    const rows = batteries.map(({ name, figures, about }) => {
      const { unknown } = figures;
      const cells = [
        cell(percent(figures.health_percent, 1), unknown.health_percent),
        cell(energy(figures.median_full_wh), unknown.median_full_wh),
        cell(energy(figures.nominal_wh), unknown.nominal_wh),
        cell(trendWords(figures), unknown.trend_percent_per_year),
        cell(number(figures.cycles, 0), unknown.cycles),
      ];
      return h("tr", {}, h("th", { scope: "row", title: about }, name), ...cells);
    });
    find("health").replaceChildren(h("thead", {}, head), h("tbody", {}, ...rows));
    text(find("health-notes"), notesOf(batteries).join(" "));
    text(find("health-meaning"), translated(meaning));
    this.draw(batteries);
  }

  /** Draw the health of each unit by its days. @param {Battery[]} batteries */
  draw(batteries) {
    const shown = batteries.filter(({ figures }) => figures.daily.length >= FEWEST_DAYS);
    const days = [...new Set(shown.flatMap(({ figures }) => figures.daily.map(({ day }) => day)))].sort();
    const columns = shown.map(({ figures }) => {
      const values = new Map(figures.daily.map((one) => [one.day, one.health_percent]));
      return days.map((day) => values.get(day) ?? null);
    });
    const room = find("health-chart");
    room.hidden = !columns.some((column) => column.some(known));
    const key = room.hidden ? "" : shown.map(({ name }) => name).join();
    if (key !== this.chartKey) {
      this.chart?.remove();
      this.chart = key ? chartOf(room, shown) : null;
      this.chartKey = key;
    }
    const times = days.map(dayStart);
    this.chart?.update([times, ...columns], [times[0], times[times.length - 1]]);
  }
}

/**
 * Return the batteries of a house: each unit, and where there are several all together.
 * @param {string | undefined} house its name, where there are several
 * @param {Battery["figures"]} whole
 * @param {Record<string, Unit>} units
 * @returns {Battery[]}
 */
function batteriesOf(house, whole, units) {
  const found = Object.entries(units).map(([serial, unit]) => ({
    name: [house, unit.label ?? serial].filter(Boolean).join(" · "),
    figures: unit,
    about: [unit.part, serial].filter(Boolean).join(" · "),
  }));
  if (found.length === 1 || (!found.length && !whole.days)) return found;
  return [
    ...found,
    { name: [house, say("history.health.whole")].filter(Boolean).join(" · "), figures: whole, about: "" },
  ];
}

/** @param {HTMLElement} room @param {Battery[]} shown */
function chartOf(room, shown) {
  return new LineChart(room, {
    label: say("history.health.chart"),
    at: (epoch) => shortDay(epoch),
    scales: {
      percent: {
        unit: say("history.health.axis"),
        range: (_plot, low, high) => around(low, high),
      },
    },
    series: shown.map(({ name }, index) => ({
      name,
      label: name,
      colour: PALETTE[index % PALETTE.length],
      scale: "percent",
      dash: index >= PALETTE.length ? [5, 4] : undefined,
      show: (value) => percent(value, 1),
    })),
  });
}

/** Return what the table has no column for: steps, and why a figure is not known. @param {Battery[]} batteries */
function notesOf(batteries) {
  const steps = batteries.flatMap(({ name, figures }) =>
    figures.steps.map(({ day, percent: by }) =>
      say("history.health.step", { name, day: daysTitle(day, day), by: `${signed(by)}\u202f%` }),
    ),
  );
  const trends = [...new Set(batteries.flatMap(({ figures }) => figures.unknown.trend_percent_per_year ?? []))];
  return [...steps, ...trends.map((why) => say("history.health.noTrend", { why: translated(why) }))];
}

/** @param {SolarStrings} answer @param {Record<string, string>} names */
function showStrings({ gateways, rule }, names) {
  const strings = Object.entries(gateways).flatMap(([id, one]) =>
    Object.entries(one.strings).map(([name, found]) => ({
      name: [names[id], say("history.string", { name })].filter(Boolean).join(" · "),
      found,
    })),
  );
  strings.sort((a, b) => Number(b.found.weak === true) - Number(a.found.weak === true));
  find("strings-card").hidden = !strings.length;
  const weak = strings.filter(({ found }) => found.weak).map(({ name }) => name);
  const isKnown = strings.some(({ found }) => found.weak !== null);
  text(find("strings-verdict"), weakWords(weak, isKnown));
  find("strings-verdict").classList.toggle("bad", weak.length > 0);
  const head = h("tr", {}, ...COLUMNS.strings.map((column) => h("th", { scope: "col" }, column)));
  const rows = strings.map(({ name, found }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td.start", {}, verdictOf(found)),
      h("td", {}, share(found.share)),
      h("td", { title: translated(found.compared_with ?? "") }, share(found.earlier_share)),
    ),
  );
  find("strings").replaceChildren(h("thead", {}, head), h("tbody", {}, ...rows));
  text(find("strings-rule"), translated(rule));
}

/** @param {string[]} weak names @param {boolean} isKnown whether any string is judged */
function weakWords(weak, isKnown) {
  if (weak.length) return say("history.strings.weak", { names: weak.join(", ") });
  return isKnown ? say("history.strings.none") : say("history.strings.unknown");
}

/** @param {SolarString} found */
function verdictOf({ weak, since, reason }) {
  if (!weak) return weak === false ? say("history.strings.inStep") : translated(reason ?? DASH);
  if (!since) return say("history.strings.isWeak");
  return say("history.strings.weakSince", { day: shortDay(dayStart(since)) });
}

/** A share of the other strings' energy, in percent. @param {number | null | undefined} value */
const share = (value) => percent(known(value) ? value * 100 : null);

/** A figure, and why it is not known. @param {string} words @param {string} [why] */
const cell = (words, why) => h("td", { title: why && translated(why) }, words);

/** The trend, and between which two the days leave it. @param {Battery["figures"]} figures */
function trendWords({ trend_percent_per_year: trend, trend_range_percent_per_year: range }) {
  if (!range) return signed(trend);
  const [low, high] = range.map(signed);
  return say("history.health.trendRange", { trend: signed(trend), low, high });
}

/** @param {number | null | undefined} value */
function signed(value) {
  if (!known(value)) return DASH;
  return `${value < 0 ? "−" : "+"}${number(Math.abs(value), 1)}`;
}
