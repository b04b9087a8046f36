// The columns of the list of houses: what each is called, how it is written, and by what it is sorted.
import { DASH, energy, known, number, percent, power } from "../core/format.js";
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

const TEXTS = {
  house: "House",
  state: "State",
  charge: "Charge",
  backup: "Backup",
  sun: "Sun",
  home: "Home",
  battery: "Battery",
  grid: "Grid",
  today: "Today",
  sunToday: "Sun",
  homeToday: "Home",
  bought: "Bought",
  sold: "Sold",
  own: "Self-powered",
  seen: "Last seen",
  charging: "charging",
  discharging: "discharging",
  buying: "buying",
  selling: "selling",
  offGrid: "off grid",
};
const IDLE_WATTS = 15;

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
  { id: "name", title: TEXTS.house, value: (row) => row.name.toLocaleLowerCase() },
  { id: "state", title: TEXTS.state, value: (row) => row.rank },
  {
    id: "charge",
    title: TEXTS.charge,
    value: (row) => row.charge_percent,
    words: (row) => percent(row.charge_percent),
  },
  {
    id: "backup",
    title: TEXTS.backup,
    value: (row) => row.hours_left,
    words: (row) => (known(row.hours_left) ? aboutHours(row.hours_left) : DASH),
  },
  { id: "sun", title: TEXTS.sun, value: (row) => row.solar_watts, words: (row) => power(row.solar_watts), down: true },
  { id: "home", title: TEXTS.home, value: (row) => row.home_watts, words: (row) => power(row.home_watts), down: true },
  {
    id: "battery",
    title: TEXTS.battery,
    value: (row) => row.battery_watts,
    words: (row) => directed(row.battery_watts, TEXTS.discharging, TEXTS.charging),
    down: true,
  },
  {
    id: "grid",
    title: TEXTS.grid,
    value: (row) => row.grid_watts,
    words: (row) => (row.grid_state === "DOWN" ? TEXTS.offGrid : directed(row.grid_watts, TEXTS.buying, TEXTS.selling)),
    down: true,
  },
  ...[
    /** @type {const} */ (["sun_today", TEXTS.sunToday, "solar_wh"]),
    /** @type {const} */ (["home_today", TEXTS.homeToday, "home_wh"]),
    /** @type {const} */ (["bought", TEXTS.bought, "imported_wh"]),
    /** @type {const} */ (["sold", TEXTS.sold, "exported_wh"]),
  ].map(([id, title, member]) => ({
    id,
    title,
    group: TEXTS.today,
    value: (/** @type {HouseRow} */ row) => row.today?.[member],
    words: (/** @type {HouseRow} */ row) => energy(row.today?.[member]),
    down: true,
  })),
  {
    id: "own",
    title: TEXTS.own,
    group: TEXTS.today,
    value: (row) => row.today?.own_percent,
    words: (row) => percent(row.today?.own_percent),
    down: true,
  },
  { id: "seen", title: TEXTS.seen, value: (row) => row.read_at },
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
export const counted = (shown, all) => `${number(shown)} of ${number(all)}`;
