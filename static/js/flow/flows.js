// Where the power goes, as the document's ``flows`` tell it.
import { known } from "../core/format.js";

/**
 * @import { Subject } from "../core/subject.js"
 * @typedef {"solar" | "battery" | "grid"} Source
 * @typedef {{[source in Source]?: number}} Shares watts by where they come from
 * @typedef {SiteHouse["flows"]} Flows
 */

/** The members of ``flows`` that end at a node, by where they come from. */
const MEMBERS = /** @type {const} */ ({
  home: { solar: "solar_to_home_watts", battery: "battery_to_home_watts", grid: "grid_to_home_watts" },
  battery: { solar: "solar_to_battery_watts", grid: "grid_to_battery_watts" },
  grid: { solar: "solar_to_grid_watts", battery: "battery_to_grid_watts" },
});

/**
 * Return what ends at each node; null when it is not known where the power goes.
 * @param {Subject | null} subject
 * @returns {{home: Shares, battery: Shares, grid: Shares} | null}
 */
export function sharesByEnd(subject) {
  const flows = subject?.flows;
  if (!flows || !Object.values(flows).every(known)) return null;
  /** @param {Record<string, keyof Flows>} members */
  const shares = (members) =>
    Object.fromEntries(Object.entries(members).map(([from, name]) => [from, flows[name] ?? 0]));
  return { home: shares(MEMBERS.home), battery: shares(MEMBERS.battery), grid: shares(MEMBERS.grid) };
}

/**
 * Return where most of the power comes from.
 * @param {Shares | undefined} shares
 * @param {string} otherwise
 */
export const mainSource = (shares, otherwise) =>
  Object.entries(shares ?? {})
    .sort(([, a], [, b]) => b - a)
    .find(([, watts]) => watts > 0)?.[0] ?? otherwise;
