// The columns of the list of houses: what each is called, how it is written, and by what it is sorted.
import { DASH, energy, IDLE_WATTS, known, percent, power } from "../core/format.js";
import { meterName } from "../core/labels.js";
import { say } from "../core/texts.js";
import { aboutHours } from "../core/top_sentence.js";

/**
 * @typedef {HouseRows["houses"][number]} HouseRow
 *
 * @typedef {object} Column
 * @property {string} id also its name in the address
 * @property {string} title
 * @property {string} [group] a word over several columns
 * @property {(row: HouseRow) => number | string | null | undefined} value by which rows are sorted; null comes last
 * @property {(row: HouseRow) => string} [words] none: the cell is made of more than text
 * @property {boolean} [down] sorted from the largest on at first
 */

/**
 * Write a power with the word for its direction.
 * @param {number | null} watts
 * @param {string} positive
 * @param {string} negative
 */
function directed(watts, positive, negative) {
  if (!known(watts)) return DASH;
  if (Math.abs(watts) < IDLE_WATTS) return power(0);
  return `${power(Math.abs(watts))}\n${watts > 0 ? positive : negative}`;
}

/** @type {Column[]} */
export const COLUMNS = [
  { id: "name", title: say("houses.house"), value: (row) => row.name.toLocaleLowerCase() },
  { id: "state", title: say("houses.state"), value: (row) => row.rank },
  {
    id: "charge",
    title: say("houses.charge"),
    value: (row) => row.charge_percent,
    words: (row) => percent(row.charge_percent),
  },
  {
    id: "backup",
    title: say("houses.backup"),
    value: (row) => row.hours_left,
    words: (row) => (known(row.hours_left) ? aboutHours(row.hours_left) : DASH),
  },
  {
    id: "sun",
    title: say("houses.sun"),
    value: (row) => row.solar_watts,
    words: (row) => power(row.solar_watts),
    down: true,
  },
  {
    id: "home",
    title: say("houses.home"),
    value: (row) => row.home_watts,
    words: (row) => power(row.home_watts),
    down: true,
  },
  {
    id: "battery",
    title: say("houses.battery"),
    value: (row) => row.battery_watts,
    words: (row) => directed(row.battery_watts, say("houses.discharging"), say("houses.charging")),
    down: true,
  },
  {
    id: "grid",
    title: say("houses.grid"),
    value: (row) => row.grid_watts,
    words: (row) =>
      [
        row.grid_state === "DOWN"
          ? say("houses.offGrid")
          : directed(row.grid_watts, say("houses.buying"), say("houses.selling")),
        ...Object.entries(row.further_watts ?? {}).map(([name, watts]) => `${meterName(name)} ${power(watts)}`),
      ].join("\n"),
    down: true,
  },
  ...[
    /** @type {const} */ (["sun_today", say("houses.sunToday"), "solar_wh"]),
    /** @type {const} */ (["home_today", say("houses.homeToday"), "home_wh"]),
    /** @type {const} */ (["bought", say("houses.bought"), "imported_wh"]),
    /** @type {const} */ (["sold", say("houses.sold"), "exported_wh"]),
  ].map(([id, title, member]) => ({
    id,
    title,
    group: say("houses.today"),
    value: (/** @type {HouseRow} */ row) => row.today?.[member],
    words: (/** @type {HouseRow} */ row) => energy(row.today?.[member]),
    down: true,
  })),
  {
    id: "own",
    title: say("houses.own"),
    group: say("houses.today"),
    value: (row) => row.today?.own_percent,
    words: (row) => percent(row.today?.own_percent),
    down: true,
  },
  { id: "seen", title: say("houses.seen"), value: (row) => row.read_at },
];

/**
 * Return the rows in the order of a column; those that do not know it come last, and equal ones keep their order.
 * @param {HouseRow[]} rows
 * @param {string} id
 * @param {boolean} down
 */
export function sorted(rows, id, down) {
  const { value } = COLUMNS.find((column) => column.id === id) ?? COLUMNS[1];
  const sign = down ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one) ?? null, value(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === "string") return sign * a.localeCompare(String(b));
    return sign * (a - Number(b));
  });
}

/** Write how many of all there are. @param {number} shown @param {number} all */
export const counted = (shown, all) => say("houses.count", { count: shown, all });
