// Powers now, energies today, and the last days as bars.

import { BAR_LEGEND, dailyTotals, dayTotals, drawBars } from "../../charts/energy_bars.js";
import { figure, h, load, text } from "../../core/dom.js";
import { energy, known, percent, power } from "../../core/format.js";
import { nameOf } from "../../core/subject.js";

const kwh = (value) => energy(known(value) ? value * 1000 : null);

const WAYS = { battery: ["discharging", "charging"], grid: ["importing", "exporting"] };

/** Four rows: power now, energy today in and out. */
export function energyNow(card, app, hint) {
  const list = h("dl.energy-now");
  const rows = [
    ["solar", "Solar"],
    ["home", "Home"],
    ["battery", "Battery"],
    ["grid", "Grid"],
  ].map(([name, label]) => {
    const now = h("dd.big"),
      way = h("small"),
      first = h("span"),
      second = h("span");
    list.append(
      h(
        "div.energy-row",
        {},
        h("dt", {}, h("span.swatch", { style: `--colour: var(--${name})` }), label, way),
        now,
        h("dd.today", {}, first, second),
      ),
    );
    return { name, now, way, first, second };
  });
  card.append(list);
  let today = null;
  const todayWords = (name) => {
    const t = today ?? {};
    if (name === "solar") return [`Today ${kwh(t.solar)}`, ""];
    if (name === "home") return [`Today ${kwh(t.home)}`, `${percent(t.own)} self-powered`];
    if (name === "battery") return [`Charged ${kwh(t.battery_charge)}`, `Discharged ${kwh(t.battery_discharge)}`];
    return [`Bought ${kwh(t.grid_import)}`, `Sold ${kwh(t.grid_export)}`];
  };
  return {
    live: true,
    every: 60,
    async refresh() {
      const answer = await load("api/timeseries/today");
      const all = answer?.gateways ?? {};
      today = answer?.enabled
        ? dayTotals("", app.gateway ? [all[app.gateway]].filter(Boolean) : Object.values(all))
        : null;
      hint(answer && !answer.enabled ? "History is switched off" : "");
    },
    update({ shown }) {
      for (const row of rows) {
        const watts = shown?.[`${row.name}_watts`] ?? null;
        const ways = WAYS[row.name];
        const words = power(ways && known(watts) ? Math.abs(watts) : watts);
        figure(row.now, words, shown && !shown.unknown ? nameOf(shown, `${row.name}_watts`) : null, shown?.id);
        text(row.way, ways && known(watts) && Math.abs(watts) >= 15 ? ways[watts > 0 ? 0 : 1] : "");
        const [first, second] = todayWords(row.name);
        text(row.first, first);
        text(row.second, second);
      }
    },
  };
}

/** The last eight days. */
export function dailyEnergy(card, app, hint) {
  const room = h("div.chart-room");
  const legend = h(
    "div.legend",
    {},
    ...BAR_LEGEND.map(([name, label]) => h("span", {}, h("span.swatch", { style: `--colour: var(--${name})` }), label)),
  );
  card.append(room, legend);
  let days = [];
  const draw = () => drawBars(room, days);
  const observer = new ResizeObserver(draw);
  observer.observe(room);
  hint("kWh, share of own power on top");
  return {
    every: 300,
    async refresh() {
      days = dailyTotals(await load("api/timeseries/daily?days=8"), app.gateway);
      draw();
    },
    remove: () => observer.disconnect(),
  };
}
