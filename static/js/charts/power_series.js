// The curves of power and charge: which there are, and their points from the server and from this browser.
import { number, percent } from "../core/format.js";
import { say } from "../core/texts.js";
import { withZero } from "./scales.js";

/**
 * @import { Column, Minute } from "../core/minute_store.js"
 * @import { Scale, Series } from "./line_chart.js"
 * @import { Value } from "./scales.js"
 *
 * A row of /api/history with the lowest and highest values of its fields.
 * @typedef {{time: string} & {[field: string]: number | string | null}} SpreadRow
 * @typedef {{ts: number} & {[column in Column]?: number | null}} Point
 */

const BUCKET_SECONDS = 240; // where the server does not answer

/** @param {number} value */
const kilowatts = (value) => `${number(value, 2)}\u202fkW`;

/** ``field``: its name in /api/history. @type {(Series & {key: Column, field: string})[]} */
export const POWER_SERIES = [
  {
    name: "solar",
    label: say("chart.solar"),
    colour: "solar",
    scale: "kw",
    fill: 14,
    key: "solar_kw",
    field: "solar",
    show: kilowatts,
  },
  {
    name: "home",
    label: say("chart.home"),
    colour: "home",
    scale: "kw",
    key: "home_kw",
    field: "load",
    show: kilowatts,
  },
  {
    name: "battery",
    label: say("chart.battery"),
    colour: "battery",
    scale: "kw",
    key: "battery_kw",
    field: "battery",
    show: kilowatts,
  },
  {
    name: "grid",
    label: say("chart.grid"),
    colour: "grid",
    scale: "kw",
    key: "grid_kw",
    field: "site",
    show: kilowatts,
  },
  {
    name: "soe",
    label: say("chart.soe"),
    colour: "battery-ink",
    scale: "percent",
    dash: [5, 4],
    key: "battery_level",
    field: "soe",
    show: (value) => percent(value),
  },
];

/** @type {Record<string, Scale>} */
export const POWER_SCALES = {
  kw: { unit: "kW", range: withZero },
  percent: { unit: "%", range: [0, 100] },
};

/**
 * Return times and columns of what the server recorded, with this browser's own minutes where the server has none.
 * @param {Pick<PowerTrend, "bucket_seconds"> & {points: Point[]} | null} answer
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
  /** @type {Point[]} */
  const all = [...points, ...filled];
  all.sort((a, b) => a.ts - b.ts);
  return {
    bucket,
    times: all.map((point) => point.ts),
    columns: POWER_SERIES.map(({ key }) => all.map((point) => point[key] ?? null)),
  };
}

/** @param {SpreadRow | undefined} row @param {typeof POWER_SERIES[number]} series @param {string} edge */
function figureOf(row, { scale, field }, edge = "") {
  const value = row?.[field + edge];
  return typeof value !== "number" ? null : scale === "kw" ? value / 1000 : value;
}

/** @param {SpreadRow} row */
const timeOf = (row) => Date.parse(row.time) / 1000;

/**
 * Return rows of /api/history as points of /api/timeseries/trend, whose times are other ones, and where they know
 * nothing those: several houses have no record of their sum for the time before they were together, after an import for
 * instance.
 * @param {SpreadRow[]} rows
 * @param {Point[]} points
 * @param {number} [bucket] seconds
 */
export function pointsOf(rows, points, bucket = BUCKET_SECONDS) {
  const spread = rows
    .filter((row) => POWER_SERIES.some((one) => figureOf(row, one) !== null))
    .map((row) => ({
      ts: timeOf(row),
      ...Object.fromEntries(POWER_SERIES.map((one) => [one.key, figureOf(row, one)])),
    }));
  const known = new Set(spread.map(({ ts }) => Math.floor(ts / bucket)));
  return [...spread, ...points.filter(({ ts }) => !known.has(Math.floor(ts / bucket)))];
}

/**
 * Return the lowest and highest values of each series at these times, as a chart with bands takes them.
 * @param {number[]} times
 * @param {SpreadRow[] | null} rows
 * @returns {Value[][]}
 */
export function bandColumns(times, rows) {
  const found = new Map((rows ?? []).map((row) => [timeOf(row), row]));
  return POWER_SERIES.flatMap((one) =>
    ["_min", "_max"].map((edge) => times.map((at) => figureOf(found.get(at), one, edge))),
  );
}

/** @param {Minute[]} minutes @param {Column} column */
function mean(minutes, column) {
  const values = minutes.flatMap((one) => one[column] ?? []);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
