// The curves of power and charge: which there are, and their points from the server and from this browser.
import { number, percent } from "../core/format.js";
import { withZero } from "./scales.js";

/**
 * @import { Column, Minute } from "../core/minute_store.js"
 * @import { Scale, Series } from "./line_chart.js"
 */

const BUCKET_SECONDS = 240; // where the server does not answer

/** @param {number} value */
const kilowatts = (value) => `${number(value, 2)}\u202fkW`;

/** @type {(Series & {key: Column})[]} */
export const POWER_SERIES = [
  { name: "solar", label: "Solar", colour: "solar", scale: "kw", fill: 14, key: "solar_kw", show: kilowatts },
  { name: "home", label: "Home", colour: "home", scale: "kw", key: "home_kw", show: kilowatts },
  { name: "battery", label: "Battery", colour: "battery", scale: "kw", key: "battery_kw", show: kilowatts },
  { name: "grid", label: "Grid", colour: "grid", scale: "kw", key: "grid_kw", show: kilowatts },
  {
    name: "soe",
    label: "Charge",
    colour: "battery-ink",
    scale: "percent",
    dash: [5, 4],
    key: "battery_level",
    show: (value) => percent(value),
  },
];

/** @type {Record<string, Scale>} */
export const POWER_SCALES = {
  kw: { unit: "kW", range: withZero, show: (value) => number(value, Math.abs(value) < 10 && value % 1 ? 1 : 0) },
  percent: { unit: "%", range: [0, 100], show: (value) => number(value, 0) },
};

/**
 * Return times and columns of what the server recorded, with this browser's own minutes where the server has none.
 * @param {PowerTrend | null} answer
 * @param {Minute[]} minutes
 */
export function merge(answer, minutes = []) {
  const points = answer?.points ?? [];
  const bucket = answer?.bucket_seconds ?? BUCKET_SECONDS;
  const recorded = new Set(points.map((point) => Math.floor(point.ts / bucket)));
  /** @type {Map<number, Minute[]>} */
  const missing = new Map();
  for (const minute of minutes) {
    const at = Math.floor(minute.ts / bucket);
    if (!recorded.has(at)) missing.set(at, [...(missing.get(at) ?? []), minute]);
  }
  const filled = [...missing].map(([at, list]) => ({
    ts: at * bucket,
    ...Object.fromEntries(POWER_SERIES.map(({ key }) => [key, mean(list, key)])),
  }));
  /** @type {({ts: number} & {[column in Column]?: number | null})[]} */
  const all = [...points, ...filled];
  all.sort((a, b) => a.ts - b.ts);
  return {
    bucket,
    times: all.map((point) => point.ts),
    columns: POWER_SERIES.map(({ key }) => all.map((point) => point[key] ?? null)),
  };
}

/** @param {Minute[]} minutes @param {Column} column */
function mean(minutes, column) {
  const values = minutes.flatMap((one) => one[column] ?? []);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
