// The curves of power and charge: which there are, and their points from the server and from this browser.
import { number, percent } from "../core/format.js";

export const SERIES = [
  { name: "solar", label: "Solar", colour: "solar", scale: "kw", fill: 14, key: "solar_kw" },
  { name: "home", label: "Home", colour: "home", scale: "kw", key: "home_kw" },
  { name: "battery", label: "Battery", colour: "battery", scale: "kw", key: "battery_kw" },
  { name: "grid", label: "Grid", colour: "grid", scale: "kw", key: "grid_kw" },
  { name: "soe", label: "Charge", colour: "battery-ink", scale: "percent", dash: [5, 4], key: "battery_level" },
].map((one) => ({
  ...one,
  show: one.scale === "kw" ? (value) => `${number(value, 2)}\u202fkW` : (value) => percent(value),
}));

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
  const extra = [...buckets].map(([at, list]) => ({
    ts: at * bucket,
    ...Object.fromEntries(SERIES.map(({ key }) => [key, mean(list, key)])),
  }));
  const all = [...points, ...extra].sort((a, b) => a.ts - b.ts);
  return {
    bucket,
    times: all.map((point) => point.ts),
    columns: SERIES.map(({ key }) => all.map((point) => point[key] ?? null)),
  };
}
