// Energy per hour, day or month as stacked bars: what the house took (sun, battery, grid) upwards, what was sold downwards.
import { h, s } from "../core/dom.js";
import { dateOf, dayName, energyOfKwh, number, percent, span } from "../core/format.js";
import { say } from "../core/texts.js";

/**
 * @typedef {NonNullable<DailyEnergy["sum"]> & {day?: string}} Sum
 * @typedef {Partial<DailyEnergy["days"][number]["gateways"][string]> | Sum} EnergyRow
 * @typedef {typeof KINDS[number] | "home_from_battery" | "home_from_grid"} Kind
 * @typedef {{day: string, own: number | null, ownIsLeast: boolean, filled: number} & {[kind in Kind]: number | null}}
 *   DayTotal the energies in kWh; ``own``: percent of the home's energy that came from sun and battery, or at least so
 *   much; ``filled``: seconds of it that were filled in from elsewhere
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
  ["solar", say("bars.solar")],
  ["home", say("bars.fromSun")],
  ["battery", say("bars.fromBattery")],
  ["grid", say("bars.fromGrid")],
];
const LEFT = 40; // room for the numbers of the axis
const BOTTOM = 24; // for the names
const TOP = 22; // for the shares
const WIDEST_BAR = 26;
const ROOM_OF_LETTER = 7.2; // of a name below a bar, the widest ones
const ROOM_BETWEEN = 12; // two names
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
  filled: row?.filled_seconds ?? 0,
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

/** Write the name of a day. @param {DayTotal} one */
const nameOfDay = (one) => dayName(dateOf(one.day));

/**
 * Draw the bars into ``room``. ``onOpen`` is called with the bar that was chosen, and its number.
 * @param {HTMLElement} room
 * @param {DayTotal[]} days hours or months as well: ``day`` is the label of each
 * @param {{onOpen?: (one: DayTotal, index: number) => void, nameOf?: (one: DayTotal) => string, label?: string}} options
 */
export function drawBars(room, days, { onOpen, nameOf = nameOfDay, label } = {}) {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // more on a wall
  const width = Math.max(200, room.clientWidth / rem);
  const height = Math.max(120, room.clientHeight / rem);
  const up = Math.max(1, ...days.map((one) => Math.max(one.home ?? 0, one.solar ?? 0)));
  const down = Math.max(0, ...days.map((one) => one.grid_export ?? 0));
  const scale = (height - TOP - BOTTOM) / (up + down);
  const zero = TOP + up * scale;
  const step = (width - LEFT) / Math.max(days.length, 1);
  const words = label ?? say("bars.label", { count: days.length });
  const svg = s("svg.bars", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  svg.append(s("text.unit", { x: LEFT - 6, y: 11, "text-anchor": "end" }, "kWh"));
  for (const tick of ticks(-down, up)) {
    const y = zero - tick * scale;
    const shown = number(Math.abs(tick), Math.abs(tick) < 1 && tick ? 1 : 0);
    svg.append(s("line.axis", { x1: LEFT, x2: width, y1: round(y), y2: round(y) }));
    if (y > TOP + 4) svg.append(s("text", { x: LEFT - 6, y: round(y + 4), "text-anchor": "end" }, shown));
  }
  const middle = { "text-anchor": "middle" };
  for (const [index, one] of days.entries()) {
    const x = LEFT + step * index + step / 2;
    svg.append(...barsOf(one, { x, zero, scale, width: Math.max(1, Math.min(WIDEST_BAR, step * 0.36)) }));
    if (one.own !== null && step >= ROOM_OF_SHARE) {
      svg.append(s("text.own", { x: round(x), y: 12, ...middle }, percent(one.own)));
    }
    const whole = { x: round(x - step / 2), y: 0, width: round(step), height: height - BOTTOM };
    svg.append(s("rect.hit", { ...whole, click: () => onOpen?.(one, index) }, s("title", {}, inWords(one, nameOf))));
  }
  let free = width; // to the left of this there is no name yet; the newest bar has its name in any case
  for (const [index, one] of [...days.entries()].reverse()) {
    const name = nameOf(one);
    const half = (name.length * ROOM_OF_LETTER) / 2;
    const x = Math.min(LEFT + step * index + step / 2, width - half);
    if (x + half > free || x - half < 0) continue;
    svg.append(s("text.name", { x: round(x), y: height - 6, ...middle }, name));
    free = x - half - ROOM_BETWEEN;
  }
  room.replaceChildren(svg, ...(days.length ? [] : [h("p.empty", {}, say("bars.nothing"))]));
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
      s(one.filled ? `rect.${name}.filled` : `rect.${name}`, {
        x: round(x + offset),
        y: round(zero - (from + size) * scale),
        width: round(width),
        height: round(Math.max(0.5, size * scale)),
      }),
    );
}

/** Write all of a bar. @param {DayTotal} one @param {(one: DayTotal) => string} nameOf */
export function inWords(one, nameOf = nameOfDay) {
  return say("bars.words", {
    name: nameOf(one),
    solar: energyOfKwh(one.solar),
    home: energyOfKwh(one.home),
    own: ownWords(one),
    filled: one.filled ? say("bars.filled", { time: span(one.filled) }) : "",
    formula: ownFormula(one),
  });
}

/** Write how self-powered the home was. @param {DayTotal | null | undefined} one */
export const ownWords = (one) =>
  one?.ownIsLeast ? say("bars.atLeast", { percent: percent(one.own) }) : percent(one?.own);

/** Write by which formula that is known. @param {DayTotal | null | undefined} one */
export const ownFormula = (one) => (one?.ownIsLeast ? say("bars.formulaLeast") : say("bars.formula"));

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
