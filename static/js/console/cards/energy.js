// Powers now, energies today, and the last days as bars.
import { BAR_LEGEND, dailyTotals, drawBars, ownFormula, ownWords, totalOf } from "../../charts/energy_bars.js";
import { figure, h, text } from "../../core/dom.js";
import { DASH, energyOfKwh, IDLE_WATTS, known, number, power } from "../../core/format.js";
import { load } from "../../core/load.js";
import { nameOf } from "../../core/subject.js";
import { say } from "../../core/texts.js";

/** @import { DayTotal } from "../../charts/energy_bars.js" */

/** Each row's name, label, and the words for a power above and below zero, which then loses its sign. */
const ROWS = /** @type {const} */ ([
  ["solar", say("flow.solar"), null],
  ["home", say("flow.home"), null],
  ["battery", say("flow.battery"), [say("energy.discharging"), say("energy.charging")]],
  ["grid", say("flow.grid"), [say("energy.importing"), say("energy.exporting")]],
]);

/** Show four rows: the power now, and the energy today in and out. @type {Card["create"]} */
export function energyNow(card, app, hint) {
  const list = h("dl.energy-now");
  const rows = ROWS.map(([name, label, ways]) => {
    const now = h("dd.big");
    const way = h("small");
    const [first, second] = [h("span"), h("span")];
    const swatch = h("span.swatch", { style: `--colour: var(--${name})` });
    list.append(h("div.energy-row", {}, h("dt", {}, swatch, label, way), now, h("dd.today", {}, first, second)));
    return { name, ways, now, way, first, second };
  });
  const worth = h("p.worth");
  card.append(list, worth);
  /** @type {DayTotal | null} */
  let today = null;
  /** The house whose energies are shown; null: none yet. @type {string | null} */
  let told = null;
  return {
    live: true,
    every: 60,
    async refresh() {
      const answer = await load("api/timeseries/today");
      if (!answer && told === app.gateway) return false;
      told = app.gateway;
      const gateways = answer?.gateways ?? {};
      const all = answer && "total" in answer ? answer.total : Object.values(gateways)[0];
      const row = app.gateway ? gateways[app.gateway] : all;
      today = answer?.enabled ? totalOf(row) : null;
      hint(answer && !answer.enabled ? say("energy.off") : "");
      const values = Object.entries(answer?.value ?? {}).filter(([id]) => !app.gateway || id === app.gateway);
      text(worth, values.length === 1 ? worthWords(values[0][1]) : "");
      return Boolean(answer);
    },
    update({ shown }) {
      for (const { name, ways, now, way, first, second } of rows) {
        const watts = shown?.[`${name}_watts`];
        const words = power(ways && known(watts) ? Math.abs(watts) : watts);
        figure(now, words, shown && !shown.unknown ? nameOf(shown, `${name}_watts`) : null, shown?.id);
        text(way, ways && known(watts) && Math.abs(watts) >= IDLE_WATTS ? ways[watts > 0 ? 0 : 1] : "");
        const [one, other] = todayWords(name, today);
        text(first, one);
        text(second, other);
        if (name === "home") second.title = ownFormula(today);
      }
    },
  };
}

/**
 * Write what energy was worth; nothing while nothing of it is known.
 * @param {NonNullable<DocumentAt<"api/timeseries/today">["value"]>[string]} value
 */
function worthWords({ currency, today, month }) {
  if (![today, month].some((part) => known(part.bill))) return "";
  /** @param {number | null | undefined} amount */
  const money = (amount) => (known(amount) ? [currency ?? "", number(amount, 2)].join(" ").trim() : DASH);
  /** @param {typeof today} part */
  const words = ({ bill, solar_savings: sun, battery_savings: battery }) =>
    say("energy.costs", { bill: money(bill), sun: money(sun), battery: money(battery) });
  return say("energy.worth", { today: words(today), month: words(month) });
}

/** @param {typeof ROWS[number][0]} name @param {DayTotal | null} today */
function todayWords(name, today) {
  /** @param {import("../../charts/energy_bars.js").Kind} kind */
  const of = (kind) => ({ energy: energyOfKwh(today?.[kind]) });
  if (name === "solar") return [say("energy.today", of("solar")), ""];
  if (name === "home")
    return [say("energy.today", of("home")), say("energy.selfPowered", { percent: ownWords(today) })];
  if (name === "grid") return [say("energy.bought", of("grid_import")), say("energy.sold", of("grid_export"))];
  return [say("energy.charged", of("battery_charge")), say("energy.discharged", of("battery_discharge"))];
}

/** Show the last eight days. @type {Card["create"]} */
export function dailyEnergy(card, app, hint) {
  const room = h("div.chart-room");
  const legend = BAR_LEGEND.map(([name, label]) =>
    h("span", {}, h("span.swatch", { style: `--colour: var(--${name})` }), label),
  );
  card.append(room, h("div.legend", {}, ...legend));
  /** @type {DayTotal[]} */
  let days = [];
  /** The house whose days are drawn; null: none yet. @type {string | null} */
  let drawn = null;
  const draw = () => drawBars(room, days);
  const observer = new ResizeObserver(draw);
  observer.observe(room);
  hint(say("energy.unit"));
  return {
    every: 300,
    async refresh() {
      const answer = await load("api/timeseries/daily?days=8");
      if (!answer && drawn === app.gateway) return false;
      drawn = app.gateway;
      days = dailyTotals(answer, drawn);
      draw();
      return Boolean(answer);
    },
    remove: () => observer.disconnect(),
  };
}
