// One chart per group of device signals: temperatures, fan speeds, fan duty.
import { LineChart, PALETTE } from "../charts/line_chart.js";
import { around } from "../charts/scales.js";
import { h, keyed, text } from "../core/dom.js";
import { degrees, temperatureUnit, withUnit } from "../core/format.js";
import { say, translated, unmarked } from "../core/texts.js";
import { fileButton } from "./signal_file.js";

/**
 * @import { Series } from "../charts/line_chart.js"
 * @import { HistoryQueries, Window } from "./queries.js"
 *
 * @typedef {SignalCatalogue["groups"][string] & {id: string, group: string, unit: string, metrics: string[]}} Group
 * @typedef {SignalTrend["series"][number]} Curve
 *
 * @typedef {object} Wanted
 * @property {SignalCatalogue | null} catalogue
 * @property {string} gateway
 * @property {string} unit the label of a Powerwall; empty: all
 * @property {Set<string>} hidden metrics
 * @property {AbortSignal} signal
 */

const MOST_CURVES = 24;
const MOST_BANDS = 6; // of more curves the bands would hide one another
const STRING_PREFIX = "STRING--"; // of the devices that are solar strings

/** Return the groups that have anything, in their order. @param {Wanted} wanted @returns {Group[]} */
function groupsOf({ catalogue, unit, hidden }) {
  if (!catalogue) return [];
  const { metrics = {}, groups = {}, series = [] } = catalogue;
  const present = new Set(series.filter((one) => !unit || one.powerwall === unit).map((one) => one.metric));
  /** @type {Map<string, Group>} */
  const found = new Map();
  for (const [name, metric] of Object.entries(metrics)) {
    const group = groups[metric.group];
    if (!group || !present.has(name) || hidden.has(name) || hidden.has(metric.group)) continue;
    // What has another unit has another axis, and so a chart of its own.
    const others = [...found.values()].filter((one) => one.group === metric.group);
    const same = others.find((one) => one.unit === metric.unit);
    if (same) same.metrics.push(name);
    else {
      const id = others.length ? `${metric.group}-${others.length + 1}` : metric.group;
      const label = others.length ? `${translated(group.label)}: ${translated(metric.label)}` : translated(group.label);
      found.set(id, { ...group, id, group: metric.group, unit: metric.unit, label, metrics: [name] });
    }
  }
  return [...found.values()].sort((a, b) => a.order - b.order);
}

/** Return the labels of the Powerwalls in the catalogue, in their order. @param {SignalCatalogue | null} catalogue */
export function unitsOf(catalogue) {
  /** @type {Map<string, number>} */
  const orders = new Map();
  for (const one of catalogue?.series ?? []) {
    if (one.powerwall) orders.set(one.powerwall, one.powerwall_order ?? 0);
  }
  return [...orders].sort(([, a], [, b]) => a - b).map(([label]) => label);
}

export class SignalCharts {
  /**
   * By group; ``key`` tells which curves the chart was made for.
   * @type {Map<string, {chart: LineChart, key: string}>}
   */
  charts = new Map();
  /** What is drawn, by group. @type {Map<string, Curve[]>} */
  curves = new Map();

  /** @param {HTMLElement} parent @param {(from: number, to: number) => void} onZoom */
  constructor(parent, onZoom) {
    this.parent = parent;
    this.onZoom = onZoom;
  }

  /**
   * Ask for everything that is wanted, and draw it.
   * @param {HistoryQueries} queries
   * @param {Window} window
   * @param {Wanted} wanted
   */
  async show(queries, window, wanted) {
    const groups = groupsOf(wanted);
    const ids = groups.map((group) => group.id);
    const cards = keyed(this.parent, ids, (id) => {
      const room = h("div.chart-room");
      const heading = h("h2", { id: `signal-${id}` });
      const attributes = { "data-metric": id, "aria-labelledby": `signal-${id}` };
      const file = h(
        "p.downloads",
        {},
        fileButton(id, () => this.curves.get(id) ?? []),
      );
      return { element: h("section.card", attributes, heading, room, file), heading, room };
    });
    for (const [index, { label }] of groups.entries()) text(cards[index].heading, label);
    for (const [id, { chart }] of this.charts) {
      if (ids.includes(id)) continue;
      chart.remove();
      this.charts.delete(id);
      this.curves.delete(id);
    }
    const { gateway, unit, signal } = wanted;
    const asked = groups.map(async (group, index) => {
      const answer = await queries.trend(window, group.metrics, gateway, signal);
      if (!answer || signal.aborted) return;
      const curves = (answer.series ?? []).filter((one) => !unit || one.powerwall === unit).slice(0, MOST_CURVES);
      this.draw(cards[index].room, group, curves, window);
    });
    await Promise.all(asked);
  }

  /** @param {HTMLElement} room @param {Group} group @param {Curve[]} curves @param {Window} window */
  draw(room, group, curves, window) {
    this.curves.set(group.id, curves);
    const celsius = group.id === "temperature";
    const unit = celsius ? `°${temperatureUnit()}` : (curves[0]?.unit ?? "");
    const series = seriesOf(curves, unit, group.decimals ?? 0);
    const key = series.map((one) => one.name + one.label + unit).join();
    let known = this.charts.get(group.id);
    if (known?.key !== key) {
      known?.chart.remove();
      known = { chart: this.chart(room, group, series, unit), key };
      this.charts.set(group.id, known);
    }
    const times = [...new Set(curves.flatMap((one) => one.points.map((point) => point.ts)))].sort((a, b) => a - b);
    /** @param {Curve} curve @param {"avg" | "min" | "max"} figure */
    const column = ({ points }, figure) => {
      const values = new Map(points.map((one) => [one.ts, celsius ? degrees(one[figure]) : one[figure]]));
      return times.map((at) => values.get(at) ?? null);
    };
    const columns = curves.map((one) => column(one, "avg"));
    const bands = series[0]?.band ? curves.flatMap((one) => [column(one, "min"), column(one, "max")]) : [];
    known.chart.update([times, ...columns, ...bands], [window.from, window.to]);
  }

  /** @param {HTMLElement} room @param {Group} group @param {Series[]} series @param {string} unit */
  chart(room, { label, zero_based: fromZero }, series, unit) {
    /** @type {import("../charts/line_chart.js").Scale} */
    const value = {
      range: (_plot, low, high) => around(fromZero ? Math.min(0, low ?? 0) : low, high),
      unit,
    };
    return new LineChart(room, {
      series,
      label: unmarked(label),
      onZoom: this.onZoom,
      sync: "history",
      scales: { value },
    });
  }
}

/** Return what a curve shows; the charts of strings have one figure each, so there it is the string. @param {Curve} one */
const nameOf = ({ device, label }) =>
  device.startsWith(STRING_PREFIX)
    ? say("history.string", { name: device.slice(STRING_PREFIX.length) })
    : translated(label);

/**
 * Return how each curve is drawn and named; what they have in common is not named.
 * @param {Curve[]} curves
 * @param {string} unit
 * @param {number} decimals
 * @returns {Series[]}
 */
function seriesOf(curves, unit, decimals) {
  const severalUnits = new Set(curves.map((one) => `${one.gateway}/${one.powerwall}`)).size > 1;
  const severalGateways = new Set(curves.map((one) => one.gateway)).size > 1;
  return curves.map((one, index) => ({
    name: `${one.gateway}/${one.device}/${one.metric}`,
    label: [severalGateways && one.gateway, severalUnits && one.powerwall, nameOf(one)].filter(Boolean).join(" "),
    colour: PALETTE[index % PALETTE.length],
    scale: "value",
    dash: index >= PALETTE.length ? [5, 4] : undefined,
    band: curves.length <= MOST_BANDS,
    show: (value) => withUnit(value, unit, decimals),
  }));
}
