// Words for states, the same on every page. What is wrong with a gateway, and what helps, the server says.

import { clock, known, moment, number, span } from "./format.js";
import { ago, serverNow } from "./server_clock.js";

export const NO_ANSWER = "Connection to the server lost – trying again";
export const SCALE = "Charge as in the app";
export const MODES = {
  self_consumption: "Self-powered",
  backup: "Backup only",
  autonomous: "Time-based control",
  scheduler: "Schedule",
  site_ctrl: "Site control",
  island_mode: "Island",
};
export const EXPORTS = { battery_ok: "Solar and battery", pv_only: "Solar only", never: "Never" };
/** The states of a gateway, and of the site: [word, colour]. */
export const PHASES = {
  waiting: ["Connecting", "warn"],
  fresh: ["Live", "good"],
  stale: ["Stale", "warn"],
  away: ["No data", "bad"],
  none: ["No gateway", "bad"],
  unknown: ["No such gateway", "bad"],
};
const NAMED = 3; // houses named in a sentence

const sentence = (words) =>
  words ? `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}` : "";

/** In coarse steps: this is read aloud whenever it changes. */
function coarse(seconds) {
  const step = seconds < 60 ? 10 : seconds < 3600 ? 60 : 3600;
  return span(Math.floor(seconds / step) * step);
}

/** The time of day, and the day when it was not today or yesterday. */
export const when = (epoch) => (ago(epoch) < 72_000 ? clock(epoch) : moment(epoch));

/** A list of names, the first few of them written out. */
export function several(names) {
  const listed = names.length > NAMED + 1 ? [...names.slice(0, NAMED), `${number(names.length - NAMED)} more`] : names;
  return listed.length > 1 ? `${listed.slice(0, -1).join(", ")} and ${listed.at(-1)}` : listed.join();
}

/** Why one house is not in the sum. */
function without(house) {
  const silence = house.reason === "implausible" ? null : ago(house.read_at);
  if (known(silence)) return `Without ${house.name}, which has not answered for ${coarse(silence)}`;
  return `Without ${house.name}, which ${house.sentence}`;
}

/** Cause and remedy of one gateway that is in trouble, as the server says them; a remedy that the cause names already, once. */
export function cause(gateway) {
  const why = sentence(gateway.sentence),
    help = gateway.advice ?? "";
  return why.toLowerCase().includes(help.toLowerCase()) ? why : `${why} ${help}`.trim();
}

/** Since when a gateway is as it is, and when it is asked again. */
export function attempts(gateway) {
  const parts = [];
  if (known(gateway.since)) parts.push(`since ${when(gateway.since)}`);
  if (known(gateway.next_attempt)) {
    const wait = gateway.next_attempt - serverNow();
    parts.push(wait >= 1 ? `next attempt in ${span(wait)}` : "next attempt now");
  }
  return parts.join(" · ");
}

/**
 * The one thing to say loudly about a house or all together: {words, more, bad, block}. ``more`` changes with every second and is
 * not read aloud; ``block``: long enough to need room of its own. Nothing to say: no words.
 */
export function notice(subject) {
  const quiet = { words: "", more: "", bad: false, block: false };
  if (!subject) return quiet;
  if (subject.state === "none")
    return {
      ...quiet,
      words: "No gateway is configured. Set one up with pwserver --setup, or in the configuration.",
      block: true,
    };
  const said = subject.several ? ofAll(subject) : ofOne(subject);
  return said ? { ...quiet, ...said } : quiet;
}

function ofOne(house) {
  const name = house.title;
  if (house.state === "waiting") return { words: `${name}: waiting for the first answer` };
  if (house.state === "stale" || house.state === "away") {
    const silence = ago(house.read_at);
    const old = house.old && known(silence) ? `no new data, these figures are ${coarse(silence)} old` : "no data";
    return { words: `${name}: ${old}. ${cause(house)}`.trim(), more: attempts(house), bad: true, block: true };
  }
  if (house.grid_state === "DOWN") return { words: "Grid is down – the house runs on its own", bad: true };
  if (house.grid_state === "SYNCING") return { words: "Reconnecting to the grid" };
  const flagged = house.left_out?.find((one) => one.id === house.id);
  return flagged && { words: `These figures cannot be: ${flagged.sentence}`, bad: true };
}

function ofAll(site) {
  const parts = [],
    missing = site.left_out;
  const answering = site.gateways - missing.length;
  if (site.state === "waiting") return { words: `Waiting for the first answer of ${number(site.gateways)} gateways` };
  if (!answering) parts.push(`No data from any of ${number(site.gateways)} gateways`);
  else if (missing.length === 1) parts.push(without(missing[0]));
  else if (missing.length) parts.push(`Without ${several(missing.map((one) => one.name))}, which give no data`);
  if (site.grid.sentence) parts.push(site.grid.sentence);
  return parts.length ? { words: parts.join(". "), bad: !answering || site.grid.state === "DOWN" } : null;
}

/** What is said when the address or this browser's settings name a gateway that is not configured. */
export function noSuchGateway(id, gateways) {
  const named = gateways?.map((one) => (one.name === one.id ? one.id : `${one.name} (${one.id})`)) ?? [];
  const there = named.length > 12 ? [...named.slice(0, 12), `${number(named.length - 12)} more`] : named;
  return `There is no gateway “${id}”.${there.length ? ` There ${there.length > 1 ? "are" : "is"}: ${there.join(", ")}.` : ""}`;
}
