// The sentence on top of every page: all is well, or what is not, since when, and what helps. The server judges
// (condition, troubled, not_known, shortest_backup of the site document); here its words and numbers are put together.
import { known, number, percent, power, span } from "./format.js";
import { ageOf, asSentence, attempts, cause, coarseSpan, listed, silenceOf, without } from "./sentences.js";
import { ago } from "./server_clock.js";

/**
 * @import { Notice } from "./notice.js"
 * @import { GatewayEntry, HouseShown, Subject, SumShown } from "./subject.js"
 */

const TEXTS = {
  none: "No gateway is configured. Set one up with pwserver --setup, or in the configuration.",
  well: "All well",
  unrefuted: "Nothing is known to be wrong",
  offGrid: "Off grid – the house runs on its own",
  offGridShort: "off grid",
  syncing: "Reconnecting to the grid",
  onGrid: "on grid",
  gridUnknown: "the grid’s state is not told",
  alertsUnknown: "alerts are not told",
  /** @param {string} time */
  backup: (time) => `backup about ${time} at present use`,
  backupUnknown: "backup time not known",
  backupWithoutUse: "backup time not known while the home uses nothing",
  /** @param {string} time */
  left: (time) => `About ${time} left at present use`,
  leftUnknown: "Time left is not known",
  moreThanAWeek: "more than 7 days",
  /** @param {string} value */
  reserve: (value) => `reserve ${value}`,
  reserveUnknown: "reserve not known",
  /** @param {string} value */
  charge: (value) => `charge ${value}`,
  chargeUnknown: "charge not known",
  /** @param {string} value */
  use: (value) => `the home uses ${value}`,
  useUnknown: "consumption not known",
  /** @param {string} what */
  seriousAlert: (what) => `Serious alert: ${what}`,
  /** @param {string} what */
  warning: (what) => `Warning: ${what}`,
  /** @param {string} names @param {boolean} several */
  weak: (names, several) => (several ? `Solar strings ${names} are weak` : `Solar string ${names} is weak`),
  /** @param {string} why */
  implausible: (why) => `These figures cannot be right: ${why}`,
  implausibleShort: "figures that cannot be right",
  /** @param {string} name */
  waiting: (name) => `${name}: waiting for the first answer`,
  /** @param {string} count */
  allWaiting: (count) => `Waiting for the first answer of ${count} gateways`,
  /** @param {string} count */
  someWaiting: (count) => `${count} not read yet`,
  /** @param {string} age */
  old: (age) => `no new data, these figures are ${age} old`,
  noData: "no data",
  /** @param {string} count @param {string} all */
  counted: (count, all) => `${count} of ${all} well`,
  /** @param {string} count @param {string} time */
  noneAnswers: (count, time) => `No data from any of ${count} gateways${time}`,
  /** @param {string} time */
  noneFor: (time) => ` for ${time}`,
  /** @param {string} name @param {string} time */
  shortest: (name, time) => `shortest backup: ${name}, about ${time}`,
  /** @param {string} count */
  more: (count) => `${count} more in trouble`,
};
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
  if (hours >= LONG_HOURS) return TEXTS.moreThanAWeek;
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
  if (subject.state === "none") return { words: TEXTS.none, level: "warn", block: true };
  return subject.several ? ofAll(subject) : ofOne(subject);
}

/** @param {HouseShown} house @returns {Notice} */
function ofOne(house) {
  const { condition = "" } = house;
  const level = levelOf(condition);
  switch (condition) {
    case "waiting":
      return { words: TEXTS.waiting(house.title), level };
    case "stale":
    case "away":
      return { words: silent(house), more: attempts(house), level, block: true };
    case "off-grid":
      return { words: TEXTS.offGrid, more: onItsOwn(house), level, large: true };
    case "implausible":
      return { words: TEXTS.implausible(house.implausible ?? ""), level, block: true };
    case "well":
      return { words: joined(TEXTS.well, TEXTS.onGrid), more: backup(house), level };
    case "unrefuted":
      return { words: joined(TEXTS.unrefuted, gridOf(house)), more: joined(backup(house), untold(house)), level };
    default: // an alert, a string or the grid: the rest is as ever
      return { words: asSentence(trouble(house)), more: joined(gridOf(house), backup(house)), level };
  }
}

/** Say that a house is silent, why, and what helps. @param {HouseShown} house */
function silent(house) {
  const dated = house.old && known(ago(house.read_at));
  const state = dated ? TEXTS.old(ageOf({ state: house.state, read_at: house.read_at })) : TEXTS.noData;
  return `${house.title}: ${state}. ${cause(house)}`.trim();
}

/** @param {HouseShown} house */
const gridOf = ({ grid_state: grid }) => (grid === "UP" ? TEXTS.onGrid : grid === "SYNCING" ? null : TEXTS.gridUnknown);

/** @param {HouseShown} house */
const untold = (house) => (house.not_known?.alerts ? TEXTS.alertsUnknown : null);

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
  const without = house.not_known?.hours_left === "no-use" ? TEXTS.backupWithoutUse : TEXTS.backupUnknown;
  return joined(
    told(house, "hours_left", (hours) => TEXTS.backup(aboutHours(hours)), without),
    told(house, "reserve_percent", (value) => TEXTS.reserve(percent(value)), TEXTS.reserveUnknown),
  );
}

/** Say what counts off the grid: time left, charge, consumption. @param {HouseShown} house */
function onItsOwn(house) {
  return joined(
    told(house, "hours_left", (hours) => TEXTS.left(aboutHours(hours)), TEXTS.leftUnknown),
    told(house, "charge_percent", (value) => TEXTS.charge(percent(value)), TEXTS.chargeUnknown),
    told(house, "home_watts", (watts) => TEXTS.use(power(watts)), TEXTS.useUnknown),
  );
}

/** Name an alert by its meaning, else by its name. @param {GatewayEntry["worst_alert"]} alert */
const alertWords = (alert) => alert?.meaning ?? alert?.name ?? "";

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
      return house.sentence ?? TEXTS.noData;
    case "off-grid":
      return TEXTS.offGridShort;
    case "implausible":
      return TEXTS.implausibleShort;
    case "serious-alert":
      return TEXTS.seriousAlert(alertWords(house.worst_alert));
    case "warning-alert":
      return TEXTS.warning(alertWords(house.worst_alert));
    case "weak-string":
      return TEXTS.weak(listed(strings, MOST_NAMED), strings.length > 1);
    case "syncing":
      return TEXTS.syncing;
    default:
      return "";
  }
}

/** @param {GatewayEntry} house */
const isAboutGrid = ({ condition }) => condition === "off-grid" || condition === "syncing";

/** @param {SumShown} site @returns {Notice} */
function ofAll(site) {
  if (site.state === "waiting") return { words: TEXTS.allWaiting(number(site.gateways)), level: "calm" };
  const answering = site.gateways - site.left_out.length;
  // Houses off the grid have a sentence of the server's.
  const troubled = site.troubled.flatMap((id) => site.entries.get(id) ?? []).filter((one) => !isAboutGrid(one));
  const parts = troubled.slice(0, MOST_NAMED).map((one) => `${one.name}: ${trouble(one).replace(/[.]$/, "")}`);
  const others = troubled.length - parts.length;
  const words = joined(
    answering ? TEXTS.counted(number(site.well), number(site.gateways)) : noneAnswers(site),
    ...parts,
    others > 0 ? TEXTS.more(number(others)) : null,
    site.grid.sentence,
  );
  const waiting = [...site.entries.values()].filter((one) => one.condition === "waiting").length;
  const more = joined(
    answering && site.left_out.length ? without(site.left_out) : null,
    waiting ? TEXTS.someWaiting(number(waiting)) : null,
    answering ? shortest(site) : null,
  );
  const allBad = !answering || site.grid.state === "DOWN";
  const level = site.troubled.length ? (allBad ? "bad" : "warn") : levelOf(site.condition);
  return { words, more, level, block: site.troubled.length > 0 };
}

/** Say that no house answers, and for how long none has where every one once did. @param {SumShown} site */
function noneAnswers(site) {
  const silences = site.left_out.map(silenceOf);
  const time = silences.every(known) ? TEXTS.noneFor(coarseSpan(Math.min(...silences))) : "";
  return TEXTS.noneAnswers(number(site.gateways), time);
}

/** Name the house whose batteries would be empty first. @param {SumShown} site */
function shortest({ shortest_backup: found, entries }) {
  if (!found) return null;
  return TEXTS.shortest(entries.get(found.id)?.name ?? found.id, aboutHours(found.hours_left));
}
