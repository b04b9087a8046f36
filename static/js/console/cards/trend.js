// Power and charge of the last 24 hours: what the server recorded, filled up with what this browser saw.
import { serverNow } from "../../core/clock.js";
import { h, load } from "../../core/dom.js";
import { number, percent } from "../../core/format.js";
import { own } from "../trendstore.js";

export const SERIES = [
  { name: "solar", label: "Solar", colour: "solar", scale: "kw", fill: 14, key: "solar_kw" },
  { name: "home", label: "Home", colour: "home", scale: "kw", key: "home_kw" },
  { name: "battery", label: "Battery", colour: "battery", scale: "kw", key: "battery_kw" },
  { name: "grid", label: "Grid", colour: "grid", scale: "kw", key: "grid_kw" },
  { name: "soe", label: "Charge", colour: "battery-ink", scale: "percent", dash: [5, 4], key: "battery_level" },
].map((one) => ({ ...one, show: one.scale === "kw" ? (value) => `${number(value, 2)}\u202fkW` : (value) => percent(value) }));

/** Times and columns of an answer of /api/timeseries/trend; minutes of this browser's own where the server has none. */
export function merge(answer, mine = []) {
  const points = answer?.points ?? [];
  const bucket = answer?.bucket_seconds ?? 240;
  const have = new Set(points.map((point) => Math.floor(point.ts / bucket)));
  const buckets = new Map();
  for (const minute of mine) {
    const at = Math.floor(minute.ts / bucket);
    if (!have.has(at)) buckets.set(at, [...(buckets.get(at) ?? []), minute]);
  }
  const mean = (list, key) => {
    const values = list.map((one) => one[key]).filter((value) => typeof value === "number");
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  };
  const extra = [...buckets].map(([at, list]) => ({ ts: at * bucket, ...Object.fromEntries(SERIES.map(({ key }) => [key, mean(list, key)])) }));
  const all = [...points, ...extra].sort((a, b) => a.ts - b.ts);
  return { bucket, times: all.map((point) => point.ts), columns: SERIES.map(({ key }) => all.map((point) => point[key] ?? null)) };
}

export function trend(card, app, hint) {
  const room = h("div.chart-room");
  card.append(room);
  let chart = null, lines = null;
  hint("kW and charge");
  const library = () => import("../../charts/lines.js").then((found) => { lines = found; }, () => {});
  return {
    every: 60,
    async refresh() {
      const gateway = app.gateway ? `&gateway=${encodeURIComponent(app.gateway)}` : "";
      const [answer, mine] = await Promise.all([load(`api/timeseries/trend?hours=24${gateway}`), own(app.gateway), lines ?? library()]);
      if (!lines) return; // the network is gone, or the page is being left: the next time
      const merged = merge(answer, mine);
      const { LineChart, withGaps, withZero } = lines;
      chart ??= new LineChart(room, {
        series: SERIES, label: "Power and charge of the last 24 hours",
        scales: { kw: { range: withZero, show: (value) => number(value, Math.abs(value) < 10 && value % 1 ? 1 : 0) }, percent: { range: [0, 100], show: (value) => `${value}%` } },
      });
      const now = serverNow();
      chart.update(withGaps(merged.times, merged.columns, merged.bucket), [now - 86_400, now]);
    },
    remove: () => chart?.remove(),
  };
}
