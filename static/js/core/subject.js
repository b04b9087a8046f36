// What a page shows of the site document (docs/api.md): one house, or all together, under the document's own names.
// Nothing is worked out here. A number that nobody has measured stays null all the way.
import { say } from "./texts.js";

/**
 * @typedef {SiteOverview["gateways"][number]} GatewayEntry
 * @typedef {Partial<GatewayEntry> & SiteOverview["site"]["left_out"][number]} LeftOut
 *
 * @typedef {object} Shown
 * @property {string} id of the house; empty: all together
 * @property {string} title
 * @property {boolean} known some figure is known
 * @property {boolean} old the figures are not those of now
 * @property {number} unit_count how many Powerwalls there are
 *
 * @typedef {Omit<Partial<SiteHouse>, "state"> & Partial<Pick<SiteOverview["site"], "left_out">> & Shown & {
 *   several: false,
 *   unknown?: boolean,
 *   state: SiteHouse["state"] | "none" | "unknown",
 *   units_percent: SiteHouse["units_percent"],
 * }} HouseShown
 * @typedef {Omit<SiteOverview["site"], "left_out"> & Shown & {
 *   several: true,
 *   unknown?: undefined,
 *   grid_state: SiteOverview["site"]["grid"]["state"],
 *   read_at?: undefined,
 *   left_out: LeftOut[],
 *   entries: Map<string, GatewayEntry>,
 * }} SumShown
 * @typedef {HouseShown | SumShown} Subject
 */

const FIGURES = /** @type {const} */ ([
  "solar_watts",
  "home_watts",
  "battery_watts",
  "grid_watts",
  "charge_percent",
  "grid_state",
]);
const MAIN_METERS = ["solar", "home", "battery", "grid"];

/** @param {{[name in typeof FIGURES[number]]?: unknown}} figures */
const anyKnown = (figures) => FIGURES.some((name) => (figures[name] ?? null) !== null);

/**
 * Return what is shown of a message: of several houses the site's totals, of a single one that house itself.
 * @param {SiteOverview | SiteHouse | GatewayEntry} message
 * @returns {Subject}
 */
export function subjectOf(message) {
  if (!("site" in message)) return houseShown(message);
  const { site, gateways } = message;
  const [first] = gateways;
  if (!first) return nothingShown("", "none");
  if (gateways.length === 1) {
    // The sums of a single house are its own; its entry has the rest.
    const { grid: _grid, units: _units, ...sums } = site;
    return { ...houseShown({ ...sums, ...first }), title: site.name ?? first.name };
  }
  const entries = new Map(gateways.map((one) => [one.id, one]));
  return {
    ...site,
    id: "",
    title: say("choice.allGateways"),
    several: true,
    known: anyKnown({ ...site, grid_state: site.grid.state }),
    old: false,
    grid_state: site.grid.state,
    entries,
    left_out: site.left_out.map((one) => ({ ...entries.get(one.id), ...one })),
    unit_count: site.units,
  };
}

/**
 * Return one house; while it is away its last known figures, which are old.
 * @param {Partial<SiteHouse> & GatewayEntry} house
 * @returns {HouseShown}
 */
function houseShown(house) {
  const last = house.state === "away" ? house.last_known : undefined;
  const shown = { ...house, ...last };
  const old = house.state === "stale" || Boolean(last);
  const unit_count = shown.units_percent.length;
  return { ...shown, title: house.name, several: false, known: anyKnown(shown), old, unit_count };
}

/**
 * Return a house of which nothing is known.
 * @param {string} id
 * @param {"none" | "unknown"} state
 * @returns {HouseShown}
 */
const nothingShown = (id, state) => ({
  id,
  title: "",
  state,
  several: false,
  known: false,
  old: false,
  units_percent: [],
  unit_count: 0,
});

/**
 * Return what is shown of a gateway that is not configured: nothing, and certainly not the sum of the others.
 * @param {string} id
 * @returns {HouseShown}
 */
export const unknownHouse = (id) => ({ ...nothingShown(id, "unknown"), unknown: true });

/**
 * Return the meters beyond the four, a generator for instance: [name, watts] of those that are not at rest.
 * @param {Subject | null} subject
 * @returns {[name: string, watts: number][]}
 */
export const furtherMeters = (subject) =>
  Object.entries(subject?.meters ?? {}).flatMap(([name, { watts }]) =>
    watts && !MAIN_METERS.includes(name) ? [[name, watts]] : [],
  );

/**
 * Say whether something is wrong with a gateway of the overview. One that has not been asked yet is in no trouble.
 * @param {{state: Subject["state"]}} gateway
 */
export const inTrouble = (gateway) => gateway.state === "stale" || gateway.state === "away";

/**
 * Return the name of a number of what is shown, as /api/explain knows it: of the house, of its last known figures, or
 * of the sum.
 * @param {Subject | null} subject
 * @param {string} name
 */
export function nameOf(subject, name) {
  if (subject?.several) return `site.${name}`;
  const old = subject?.state === "away" && subject.last_known && name in subject.last_known;
  return old ? `last_known.${name}` : name;
}
