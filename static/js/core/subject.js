// What a page shows of the site document (docs/api.md): one house, or all together, under the document's own names.
// Nothing is worked out here. A number that nobody has measured stays null all the way.
const FIGURES = ["solar_watts", "home_watts", "battery_watts", "grid_watts", "charge_percent", "grid_state"];
const MAIN_METERS = ["solar", "home", "battery", "grid"];
const anyKnown = (figures) => FIGURES.some((name) => (figures[name] ?? null) !== null);

/** What is shown of a message: of several houses the site's totals, of a single one that house itself. */
export function subjectOf(message) {
  if (!message.site) return houseOf(message);
  const { site, gateways } = message;
  if (gateways.length === 1) return { ...houseOf({ ...site, ...gateways[0] }), title: site.name ?? gateways[0].name };
  const names = new Map(gateways.map((one) => [one.id, one]));
  return {
    ...site,
    id: "",
    title: gateways.length ? "All gateways" : "",
    several: gateways.length > 1,
    known: anyKnown({ ...site, grid_state: site.grid.state }),
    old: false,
    grid_state: site.grid.state,
    left_out: site.left_out.map((one) => ({ ...names.get(one.id), ...one })),
    unit_count: site.units,
  };
}

/** One house; while it is away its last known figures, which are old. */
function houseOf(house) {
  const last = house.state === "away" ? house.last_known : null;
  const shown = { ...house, ...last };
  return {
    ...shown,
    title: house.name,
    several: false,
    known: anyKnown(shown),
    old: house.state === "stale" || Boolean(last),
    unit_count: house.units_percent.length,
  };
}

/** What is shown of a gateway that nobody has configured: nothing, and certainly not the sum of the others. */
export const unknownHouse = (id) => ({
  id,
  title: "",
  unknown: true,
  several: false,
  known: false,
  old: false,
  state: "unknown",
  units_percent: [],
  unit_count: 0,
});

/** Meters beyond the four, a generator for instance: [name, watts] of those that are not at rest. */
export const furtherMeters = (subject) =>
  Object.entries(subject?.meters ?? {})
    .filter(([name, { watts }]) => !MAIN_METERS.includes(name) && watts)
    .map(([name, { watts }]) => [name, watts]);

/** Is something wrong with this gateway of the overview? One that has not been asked yet is in no trouble. */
export const inTrouble = (gateway) => gateway.state === "stale" || gateway.state === "away";

/** The name of a number of what is shown, as /api/explain knows it: of the house, of its last known figures, or of the sum. */
export const nameOf = (subject, name) =>
  subject?.several
    ? `site.${name}`
    : subject?.state === "away" && subject.last_known && name in subject.last_known
      ? `last_known.${name}`
      : name;
