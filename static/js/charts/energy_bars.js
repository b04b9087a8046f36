// Energy per day as stacked bars: what the house took (sun, battery, grid) upwards, what was sold downwards.
import { h, s } from "../core/dom.js";
import { dateOf, day as dayName, energy, number, percent } from "../core/format.js";

/** One day's row (see /api/timeseries) with the figures worked out; rows of several gateways are added up. */
export function dayTotals(day, rows) {
  const names = [
    "solar_kwh",
    "home_kwh",
    "battery_charge_kwh",
    "battery_discharge_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
  ];
  const total = { day };
  for (const name of names) {
    const parts = rows.map((row) => row[name]).filter((value) => typeof value === "number");
    total[name.slice(0, -4)] = parts.length ? parts.reduce((sum, value) => sum + value, 0) : null;
  }
  total.own =
    total.home > 0 && total.grid_import !== null
      ? Math.max(0, Math.min(100, (1 - total.grid_import / total.home) * 100))
      : null;
  return total;
}

/** Days of ``/api/timeseries/daily`` (newest first) as totals, oldest first; ``gateway`` empty: all. */
export const dailyTotals = (answer, gateway) =>
  (answer?.days ?? [])
    .map(({ day, gateways }) => dayTotals(day, gateway ? [gateways[gateway]].filter(Boolean) : Object.values(gateways)))
    .reverse();

const round = (value) => value.toFixed(1);

/** Draw into ``room``. ``onDay(day)`` when one is chosen. */
export function drawBars(room, days, { onDay } = {}) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // more on a wall
  const width = Math.max(200, room.clientWidth / rem),
    height = Math.max(120, room.clientHeight / rem);
  const left = 40,
    bottom = 24,
    top = 22;
  const up = Math.max(1, ...days.map((one) => Math.max(one.home ?? 0, one.solar ?? 0)));
  const down = Math.max(0, ...days.map((one) => one.grid_export ?? 0));
  const scale = (height - top - bottom) / (up + down);
  const zero = top + up * scale;
  const step = (width - left) / Math.max(days.length, 1);
  const bar = Math.max(1, Math.min(26, step * 0.36));
  const svg = s("svg.bars", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Energy per day, ${days.length} days. The table below lists the figures.`,
  });
  for (const tick of ticks(-down, up)) {
    const y = zero - tick * scale;
    svg.append(
      s("line.axis", { x1: left, x2: width, y1: round(y), y2: round(y) }),
      s(
        "text",
        { x: left - 6, y: round(y + 4), "text-anchor": "end" },
        number(Math.abs(tick), Math.abs(tick) < 1 && tick ? 1 : 0),
      ),
    );
  }
  const every = Math.ceil(days.length / Math.max(1, Math.floor((width - left) / 78)));
  days.forEach((one, index) => {
    const x = left + step * index + step / 2;
    const piece = (name, from, size, offset) =>
      size > 0 &&
      svg.append(
        s(`rect.${name}`, {
          x: round(x + offset),
          y: round(zero - (from + size) * scale),
          width: round(bar),
          height: round(Math.max(0.5, size * scale)),
        }),
      );
    const grid = Math.min(one.grid_import ?? 0, one.home ?? 0);
    const battery = Math.min(one.battery_discharge ?? 0, Math.max(0, (one.home ?? 0) - grid));
    const sun = Math.max(0, (one.home ?? 0) - grid - battery);
    piece("solar", 0, one.solar ?? 0, -bar - 1);
    piece("export", -(one.grid_export ?? 0), one.grid_export ?? 0, -bar - 1);
    piece("grid", 0, grid, 1);
    piece("battery", grid, battery, 1);
    piece("home", grid + battery, sun, 1);
    if ((days.length - 1 - index) % every === 0)
      svg.append(
        s(
          "text",
          { x: round(Math.min(x, width - 34)), y: height - 6, "text-anchor": "middle" },
          dayName(dateOf(one.day)),
        ),
      );
    if (one.own !== null && step >= 44)
      svg.append(s("text.own", { x: round(x), y: 12, "text-anchor": "middle" }, percent(one.own)));
    const hit = s(
      "rect.hit",
      { x: round(x - step / 2), y: 0, width: round(step), height: height - bottom, click: () => onDay?.(one.day) },
      s(
        "title",
        {},
        `${dayName(dateOf(one.day))}: solar ${energy(one.solar === null ? null : one.solar * 1000)}, home ${energy(one.home === null ? null : one.home * 1000)}, self-powered ${percent(one.own)}`,
      ),
    );
    svg.append(hit);
  });
  room.replaceChildren(svg, ...(days.length ? [] : [h("p.empty", {}, "No days recorded yet")]));
}

export const BAR_LEGEND = [
  ["solar", "Solar produced"],
  ["home", "Home from sun"],
  ["battery", "Home from battery"],
  ["grid", "Home from grid"],
];

function ticks(low, high) {
  const step = nice((high - low) / 4);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) found.push(Math.round(at * 1000) / 1000);
  return found;
}

function nice(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= size);
}
