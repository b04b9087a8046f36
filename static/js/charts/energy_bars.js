// Energy per day as stacked bars: what the house took (sun, battery, grid) upwards, what was sold downwards.
import { h, s } from "../core/dom.js";
import { dateOf, dayName, energyOfKwh, number, percent } from "../core/format.js";

/**
 * @typedef {NonNullable<DailyEnergy["sum"]> & {day?: string}} Sum
 * @typedef {Partial<DailyEnergy["days"][number]["gateways"][string]> | Sum} EnergyRow
 * @typedef {typeof KINDS[number] | "home_from_battery" | "home_from_grid"} Kind
 * @typedef {{day: string, own: number | null, ownIsLeast: boolean} & {[kind in Kind]: number | null}} DayTotal the
 *   energies in kWh; ``own``: percent of the home's energy that came from sun and battery, or at least so much
 */

export const KINDS = /** @type {const} */ ([
  "solar",
  "home",
  "battery_charge",
  "battery_discharge",
  "grid_import",
  "grid_export",
]);
export const BAR_LEGEND = [
  ["solar", "Solar produced"],
  ["home", "Home from sun"],
  ["battery", "Home from battery"],
  ["grid", "Home from grid"],
];
const LEFT = 40; // room for the numbers of the axis
const BOTTOM = 24; // for the days
const TOP = 22; // for the shares
const WIDEST_BAR = 26;
const ROOM_OF_DAY = 78; // for the name of a day
const ROOM_OF_SHARE = 44;

/**
 * Return the energies of a row of /api/timeseries; of an answer without one nothing is known.
 * @param {EnergyRow | null | undefined} row
 * @param {string} [day]
 * @returns {DayTotal}
 */
export const totalOf = (row, day = "") => ({
  day: row?.day ?? day,
  own: row?.self_powered_percent ?? null,
  ownIsLeast: row?.self_powered_from === "totals",
  solar: row?.solar_kwh ?? null,
  home: row?.home_kwh ?? null,
  battery_charge: row?.battery_charge_kwh ?? null,
  battery_discharge: row?.battery_discharge_kwh ?? null,
  grid_import: row?.grid_import_kwh ?? null,
  grid_export: row?.grid_export_kwh ?? null,
  home_from_battery: row?.battery_to_home_kwh ?? null,
  home_from_grid: row?.grid_to_home_kwh ?? null,
});

/**
 * Return the days of ``/api/timeseries/daily`` (newest first) as totals, oldest first; ``gateway`` empty: of all.
 * @param {DailyEnergy | null} answer
 * @param {string} gateway
 */
export function dailyTotals(answer, gateway) {
  // The server adds up several houses: what they have in common is not the sum of what each has.
  if (answer?.totals && !gateway) return answer.totals.map((row) => totalOf(row)).reverse();
  const days = (answer?.days ?? []).map(({ day, gateways }) => {
    return totalOf(gateway ? gateways[gateway] : Object.values(gateways)[0], day);
  });
  return days.reverse();
}

/** @param {number} value */
const round = (value) => value.toFixed(1);

/**
 * Draw the bars into ``room``. ``onDay`` is called with the day that was chosen.
 * @param {HTMLElement} room
 * @param {DayTotal[]} days
 * @param {{onDay?: (day: string) => void}} options
 */
export function drawBars(room, days, { onDay } = {}) {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // more on a wall
  const width = Math.max(200, room.clientWidth / rem);
  const height = Math.max(120, room.clientHeight / rem);
  const up = Math.max(1, ...days.map((one) => Math.max(one.home ?? 0, one.solar ?? 0)));
  const down = Math.max(0, ...days.map((one) => one.grid_export ?? 0));
  const scale = (height - TOP - BOTTOM) / (up + down);
  const zero = TOP + up * scale;
  const step = (width - LEFT) / Math.max(days.length, 1);
  const label = `Energy per day, ${days.length} days. The table below lists the figures.`;
  const svg = s("svg.bars", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const tick of ticks(-down, up)) {
    const y = zero - tick * scale;
    const words = number(Math.abs(tick), Math.abs(tick) < 1 && tick ? 1 : 0);
    svg.append(
      s("line.axis", { x1: LEFT, x2: width, y1: round(y), y2: round(y) }),
      s("text", { x: LEFT - 6, y: round(y + 4), "text-anchor": "end" }, words),
    );
  }
  const every = Math.ceil(days.length / Math.max(1, Math.floor((width - LEFT) / ROOM_OF_DAY)));
  for (const [index, one] of days.entries()) {
    const x = LEFT + step * index + step / 2;
    svg.append(...barsOf(one, { x, zero, scale, width: Math.max(1, Math.min(WIDEST_BAR, step * 0.36)) }));
    const middle = { "text-anchor": "middle" };
    if ((days.length - 1 - index) % every === 0) {
      const place = { x: round(Math.min(x, width - 34)), y: height - 6, ...middle };
      svg.append(s("text", place, dayName(dateOf(one.day))));
    }
    if (one.own !== null && step >= ROOM_OF_SHARE) {
      svg.append(s("text.own", { x: round(x), y: 12, ...middle }, percent(one.own)));
    }
    const whole = { x: round(x - step / 2), y: 0, width: round(step), height: height - BOTTOM };
    svg.append(s("rect.hit", { ...whole, click: () => onDay?.(one.day) }, s("title", {}, inWords(one))));
  }
  room.replaceChildren(svg, ...(days.length ? [] : [h("p.empty", {}, "No days recorded yet")]));
}

/** @param {DayTotal} one @param {{x: number, zero: number, scale: number, width: number}} place */
function barsOf(one, { x, zero, scale, width }) {
  const home = one.home ?? 0;
  const grid = Math.min(one.home_from_grid ?? one.grid_import ?? 0, home);
  const battery = Math.min(one.home_from_battery ?? one.battery_discharge ?? 0, Math.max(0, home - grid));
  const sun = Math.max(0, home - grid - battery);
  const sold = one.grid_export ?? 0;
  /** @type {[name: string, from: number, size: number, offset: number][]} */
  const pieces = [
    ["solar", 0, one.solar ?? 0, -width - 1],
    ["export", -sold, sold, -width - 1],
    ["grid", 0, grid, 1],
    ["battery", grid, battery, 1],
    ["home", grid + battery, sun, 1],
  ];
  return pieces
    .filter(([, , size]) => size > 0)
    .map(([name, from, size, offset]) =>
      s(`rect.${name}`, {
        x: round(x + offset),
        y: round(zero - (from + size) * scale),
        width: round(width),
        height: round(Math.max(0.5, size * scale)),
      }),
    );
}

/** @param {DayTotal} one */
function inWords(one) {
  const energies = `solar ${energyOfKwh(one.solar)}, home ${energyOfKwh(one.home)}`;
  return `${dayName(dateOf(one.day))}: ${energies}, self-powered ${ownWords(one)}. ${ownFormula(one)}`;
}

/** Write how self-powered the home was. @param {DayTotal | null | undefined} one */
export const ownWords = (one) => `${one?.ownIsLeast ? "at least " : ""}${percent(one?.own)}`;

/** Write by which formula that is known. @param {DayTotal | null | undefined} one */
export const ownFormula = (one) =>
  one?.ownIsLeast
    ? "Self-powered = 1 − bought ÷ home: at least so much, as it was not recorded which of the energy the home used"
    : "Self-powered = (home from sun + home from battery) ÷ home from sun, battery and grid, told apart at every poll";

/** Return the round numbers between these two. @param {number} low @param {number} high */
function ticks(low, high) {
  const step = roundStep((high - low) / 4);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) found.push(Math.round(at * 1000) / 1000);
  return found;
}

/** Return the next of 1, 2, 5, 10, 20 … @param {number} size */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return ([1, 2, 5].find((one) => one * power >= size) ?? 10) * power;
}
