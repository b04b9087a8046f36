// The sentence on top of every page: all is well, or what is not, since when, and what helps. The server judges
// (condition, troubled, not_known, shortest_backup of the site document); here its words and numbers are put together.
import { known, number, percent, power, span } from "./format.js";
import { ageOf, attempts, cause, coarseSpan, listed, silenceOf, without } from "./sentences.js";
import { ago } from "./server_clock.js";
import { asSentence, say, translated, withoutStop } from "./texts.js";

/**
 * @import { Notice } from "./notice.js"
 * @import { GatewayEntry, HouseShown, Subject, SumShown } from "./subject.js"
 */

/** So the server begins a meaning of which nothing but the alert's name tells. */
const BY_NAME = "By its name: ";
const MOST_NAMED = 3;
const SHORT_HOURS = 3;
const LONG_HOURS = 168;
const STEP_SECONDS = 300;
/** How loudly each condition is told. @type {Record<string, Notice["level"]>} */
const LEVELS = {
  well: "good",
  unrefuted: "good",
  waiting: "calm",
  syncing: "warn",
  "weak-string": "warn",
  "warning-alert": "warn",
};

/** Return how loudly this condition is told. @param {string} condition @returns {Notice["level"]} */
export const levelOf = (condition) => LEVELS[condition] ?? "bad";

/** Join what there is to say. @param {(string | null | undefined)[]} parts */
const joined = (...parts) => parts.filter(Boolean).join(" · ");

/** Write hours in steps that an estimate deserves. @param {number} hours */
export function aboutHours(hours) {
  if (hours >= LONG_HOURS) return say("top.moreThanAWeek");
  if (hours >= SHORT_HOURS) return `${number(hours)}\u202fh`;
  return span(Math.max(Math.round((hours * 3600) / STEP_SECONDS), 0) * STEP_SECONDS || hours * 3600);
}

/**
 * Return the sentence about a house, or about all together.
 * @param {Subject | null} subject
 * @returns {Notice}
 */
export function topSentence(subject) {
  if (!subject) return { words: "" };
  if (subject.state === "none") return { words: say("top.none"), level: "warn", block: true };
  return subject.several ? ofAll(subject) : ofOne(subject);
}

/** @param {HouseShown} house @returns {Notice} */
function ofOne(house) {
  const { condition = "" } = house;
  const level = levelOf(condition);
  switch (condition) {
    case "waiting":
      return { words: say("top.waiting", { name: house.title }), level };
    case "stale":
    case "away":
      return { words: silent(house), more: attempts(house), level, block: true };
    case "off-grid":
      return { words: say("top.offGrid"), more: onItsOwn(house), level, large: true };
    case "implausible":
      return { words: say("gateway.implausible", { why: translated(house.implausible ?? "") }), level, block: true };
    case "well":
      return { words: joined(say("top.well"), say("top.onGrid")), more: backup(house), level };
    case "unrefuted":
      return { words: joined(say("top.unrefuted"), gridOf(house)), more: joined(backup(house), untold(house)), level };
    default: // an alert, a string or the grid: the rest is as ever
      return { words: asSentence(trouble(house)), more: joined(gridOf(house), backup(house)), level };
  }
}

/** Say that a house is silent, why, and what helps. @param {HouseShown} house */
function silent(house) {
  const dated = house.old && known(ago(house.read_at));
  const state = dated
    ? say("top.old", { age: ageOf({ state: house.state, read_at: house.read_at }) })
    : say("top.noData");
  return `${house.title}: ${state}. ${cause(house)}`.trim();
}

/** @param {HouseShown} house */
const gridOf = ({ grid_state: grid }) =>
  grid === "UP" ? say("top.onGrid") : grid === "SYNCING" ? null : say("top.gridUnknown");

/** @param {HouseShown} house */
const untold = (house) => (house.not_known?.alerts ? say("top.alertsUnknown") : null);

/**
 * Return words for a figure; none where there is no battery.
 * @param {HouseShown} house
 * @param {"hours_left" | "reserve_percent" | "charge_percent" | "home_watts"} name
 * @param {(value: number) => string} words
 * @param {string} unknown
 */
function told(house, name, words, unknown) {
  const value = house[name];
  if (known(value)) return words(value);
  return house.not_known?.[name] === "no-battery" ? null : unknown;
}

/** Say how long the batteries would last, and what they keep back. @param {HouseShown} house */
function backup(house) {
  const without = house.not_known?.hours_left === "no-use" ? say("top.backupWithoutUse") : say("top.backupUnknown");
  return joined(
    told(house, "hours_left", (hours) => say("top.backup", { time: aboutHours(hours) }), without),
    told(house, "reserve_percent", (value) => say("top.reserve", { value: percent(value) }), say("top.reserveUnknown")),
  );
}

/** Say what counts off the grid: time left, charge, consumption. @param {HouseShown} house */
function onItsOwn(house) {
  return joined(
    told(house, "hours_left", (hours) => say("top.left", { time: aboutHours(hours) }), say("top.leftUnknown")),
    told(house, "charge_percent", (value) => say("top.charge", { value: percent(value) }), say("top.chargeUnknown")),
    told(house, "home_watts", (watts) => say("top.use", { value: power(watts) }), say("top.useUnknown")),
  );
}

/** Name an alert by its meaning, else by its name. @param {GatewayEntry["worst_alert"]} alert */
function alertWords(alert) {
  if (!alert?.meaning) return alert?.name ?? "";
  const words = translated(alert.meaning);
  if (!alert.meaning.startsWith(BY_NAME)) return words;
  return say("top.byName", { what: withoutStop(words.replace(/^(\uE000?)[^:]+: /u, "$1")) });
}

/**
 * Say in a few words what is wrong with a house.
 * @param {Pick<GatewayEntry, "condition" | "sentence" | "worst_alert" | "weak_strings"> | HouseShown} house
 * @returns {string}
 */
export function trouble(house) {
  const strings = house.weak_strings ?? [];
  switch (house.condition) {
    case "away":
    case "stale":
      return translated(house.sentence ?? "") || say("top.noData");
    case "off-grid":
      return say("top.offGridShort");
    case "implausible":
      return say("top.implausibleShort");
    case "serious-alert":
      return say("top.seriousAlert", { what: alertWords(house.worst_alert) });
    case "warning-alert":
      return say("top.warning", { what: alertWords(house.worst_alert) });
    case "weak-string":
      return say("top.weak", { n: strings.length, names: listed(strings, MOST_NAMED) });
    case "syncing":
      return say("top.syncing");
    default:
      return "";
  }
}

/** @param {GatewayEntry} house */
const isAboutGrid = ({ condition }) => condition === "off-grid" || condition === "syncing";

/** @param {SumShown} site @returns {Notice} */
function ofAll(site) {
  if (site.state === "waiting") return { words: say("top.allWaiting", { count: site.gateways }), level: "calm" };
  const answering = site.gateways - site.left_out.length;
  // Houses off the grid have a sentence of the server's.
  const troubled = site.troubled.flatMap((id) => site.entries.get(id) ?? []).filter((one) => !isAboutGrid(one));
  const parts = troubled.slice(0, MOST_NAMED).map((one) => `${one.name}: ${withoutStop(trouble(one))}`);
  const others = troubled.length - parts.length;
  const words = joined(
    answering ? say("top.counted", { count: site.well, all: site.gateways }) : noneAnswers(site),
    ...parts,
    others > 0 ? say("top.more", { count: others }) : null,
    aboutGrid(site),
  );
  const waiting = [...site.entries.values()].filter((one) => one.condition === "waiting").length;
  const more = joined(
    answering && site.left_out.length ? without(site.left_out) : null,
    waiting ? say("top.someWaiting", { count: waiting }) : null,
    answering ? shortest(site) : null,
  );
  const allBad = !answering || site.grid.state === "DOWN";
  const level = site.troubled.length ? (allBad ? "bad" : "warn") : levelOf(site.condition);
  return { words, more, level, block: site.troubled.length > 0 };
}

/** Name the houses off the grid, and those that are being joined to it. @param {SumShown} site */
function aboutGrid({ grid, entries }) {
  /** @param {string[]} ids */
  const names = (ids) => ids.map((id) => entries.get(id)?.name ?? id).join(", ");
  const { known: all, off, syncing } = grid;
  const parts = [
    off.length ? say("top.gridOff", { count: off.length, all, names: names(off) }) : "",
    syncing.length ? say("top.gridSyncing", { count: syncing.length, all, names: names(syncing) }) : "",
  ];
  return parts.filter(Boolean).join("; ");
}

/** Say that no house answers, and for how long none has where every one once did. @param {SumShown} site */
function noneAnswers(site) {
  const silences = site.left_out.map(silenceOf);
  const count = site.gateways;
  if (!silences.every(known)) return say("top.noneAnswers", { count });
  return say("top.noneAnswersFor", { count, time: coarseSpan(Math.min(...silences)) });
}

/** Name the house whose batteries would be empty first. @param {SumShown} site */
function shortest({ shortest_backup: found, entries }) {
  if (!found) return null;
  return say("top.shortest", { name: entries.get(found.id)?.name ?? found.id, time: aboutHours(found.hours_left) });
}
