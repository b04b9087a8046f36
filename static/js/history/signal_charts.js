// One chart per group of device signals: temperatures, fan speeds, fan duty.

import { LineChart, PALETTE } from "../charts/line_chart.js";
import { h, keyed, text } from "../core/dom.js";
import { degrees, number, temperatureUnit } from "../core/format.js";

/** The groups that have anything, in their order: [{id, label, metrics: [ids], ...}]. */
export function groupsOf(catalogue, unit, hidden) {
  const metrics = catalogue?.metrics ?? {};
  const present = new Set(
    (catalogue?.series ?? []).filter((one) => !unit || one.powerwall === unit).map((one) => one.metric),
  );
  return Object.entries(catalogue?.groups ?? {})
    .map(([id, group]) => ({
      id,
      ...group,
      metrics: Object.keys(metrics).filter(
        (metric) => metrics[metric].group === id && present.has(metric) && !hidden.has(metric),
      ),
    }))
    .filter((group) => group.metrics.length)
    .sort((a, b) => a.order - b.order);
}

/** Distinct units in the catalogue, in their order. */
export function unitsOf(catalogue) {
  const found = new Map(
    (catalogue?.series ?? []).filter((one) => one.powerwall).map((one) => [one.powerwall, one.powerwall_order ?? 0]),
  );
  return [...found].sort((a, b) => a[1] - b[1]).map(([name]) => name);
}

export class SignalCharts {
  constructor(parent, onZoom) {
    Object.assign(this, { parent, onZoom, charts: new Map() });
  }

  async show(source, range, { catalogue, gateway, unit, hidden, signal }) {
    const groups = groupsOf(catalogue, unit, hidden);
    const ids = groups.map((group) => group.id);
    const cards = keyed(this.parent, ids, (id) => {
      const room = h("div.chart-room");
      const heading = h("h2", { id: `signal-${id}` });
      const card = h("section.card", { "data-metric": id, "aria-labelledby": `signal-${id}` }, heading, room);
      return Object.assign(card, { room, heading });
    });
    for (const [index, { label }] of groups.entries()) text(cards[index].heading, label);
    for (const [id, chart] of this.charts) {
      if (ids.includes(id)) continue;
      chart.remove();
      this.charts.delete(id);
    }
    await Promise.all(
      groups.map(async (group) => {
        const answer = await source.trend(range, group.metrics, gateway, signal);
        if (answer && !signal.aborted) this.draw(group, answer, range, unit);
      }),
    );
  }

  draw(group, answer, range, unit) {
    const list = (answer.series ?? []).filter((one) => !unit || one.powerwall === unit).slice(0, 24);
    const many = new Set(list.map((one) => `${one.gateway}/${one.powerwall}`)).size > 1;
    const gateways = new Set(list.map((one) => one.gateway)).size > 1;
    const celsius = group.id === "temperature";
    const convert = celsius ? degrees : (value) => value;
    const unitText = celsius ? `°${temperatureUnit()}` : (list[0]?.unit ?? "");
    const decimals = group.decimals ?? 0;
    const series = list.map((one, index) => ({
      name: `${one.gateway}/${one.device}/${one.metric}`,
      label: [gateways ? one.gateway : "", many ? one.powerwall : "", one.label].filter(Boolean).join(" "),
      colour: PALETTE[index % PALETTE.length],
      scale: "value",
      dash: index >= PALETTE.length ? [5, 4] : undefined,
      show: (value) => `${number(value, decimals)}\u202f${unitText}`,
    }));
    const times = [...new Set(list.flatMap((one) => one.points.map((point) => point.ts)))].sort((a, b) => a - b);
    const place = new Map(times.map((at, index) => [at, index]));
    const columns = list.map((one) => {
      const column = Array(times.length).fill(null);
      for (const point of one.points) column[place.get(point.ts)] = convert(point.avg);
      return column;
    });
    const key = series.map((one) => one.name + one.label + unitText).join();
    let chart = this.charts.get(group.id);
    if (!chart || chart.key !== key) {
      chart?.remove();
      const card = this.parent.keyedChildren.get(group.id);
      chart = new LineChart(card.room, {
        series,
        label: group.label,
        onZoom: this.onZoom,
        sync: "history",
        scales: {
          value: {
            range: (_, low, high) => around(group.zero_based ? Math.min(0, low ?? 0) : low, high),
            show: (value) => number(value, 0),
          },
        },
      });
      chart.key = key;
      this.charts.set(group.id, chart);
    }
    chart.update([times, ...columns], [range.from, range.to]);
  }
}

function around(low, high) {
  if (low == null || high == null) return [0, 1];
  const air = Math.max((high - low) * 0.08, 0.5);
  return [low === 0 ? 0 : low - air, high + air];
}
