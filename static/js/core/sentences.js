// Parts of sentences about a house, the same on every page. What is wrong with a gateway, and what helps, the server
// says.
import { DASH, known, readersTime, span } from "./format.js";
import { ago, serverNow } from "./server_clock.js";
import { asSentence, say, translated } from "./texts.js";

/**
 * @import { Figure } from "./format.js"
 * @import { LeftOut } from "./subject.js"
 */

const MOST_HOUSES_NAMED = 3; // in a sentence
const MOST_IDS_NAMED = 12;
const RECENT_SECONDS = 72_000; // 20 hours: the time of day alone still tells which day is meant

/**
 * Write the age of old figures, in coarse steps: a screen reader reads it aloud whenever it changes. All places of a
 * page write it this way, so that they never contradict one another.
 * @param {Figure} seconds
 */
export function coarseSpan(seconds) {
  if (!known(seconds)) return span(seconds);
  if (seconds < 10) return say("span.few");
  const step = seconds < 60 ? 10 : 60;
  return span(Math.floor(seconds / step) * step);
}

/**
 * Write how old the figures of a house are: to the second while they are those of now.
 * @param {{read_at?: Figure, state: string}} house
 */
export function ageOf(house) {
  const age = ago(house.read_at);
  return house.state === "fresh" ? span(age) : coarseSpan(age);
}

/** Write the time of day, and the day as well when that is long ago. @param {Figure} epoch */
export const when = (epoch) => (known(epoch) ? readersTime(epoch, (ago(epoch) ?? 0) >= RECENT_SECONDS) : DASH);

/**
 * Write a list, the first few of its parts in words: "A, B, C and 4 more".
 * @param {string[]} parts
 * @param {number} most
 */
export function listed(parts, most) {
  const named =
    parts.length > most + 1 ? [...parts.slice(0, most), say("list.more", { count: parts.length - most })] : parts;
  const last = named.at(-1) ?? "";
  return named.length > 1 ? say("list.last", { list: named.slice(0, -1).join(", "), last }) : last;
}

/** Return for how long this house has been silent; null: it answers, or never did. @param {LeftOut} house */
export const silenceOf = (house) => (house.reason === "implausible" ? null : ago(house.read_at));

/** Return why this house is not in the sum: for a sentence about it, about several, and in brackets. @param {LeftOut} house */
function reasonOf(house) {
  const silence = silenceOf(house);
  if (known(silence)) {
    const time = coarseSpan(silence);
    return [say("without.silentOne", { time }), say("without.silentAll", { time }), say("without.silent", { time })];
  }
  if (house.reason === "implausible") {
    return [translated(house.sentence), say("without.oddAll"), say("without.odd")];
  }
  return [translated(house.sentence), say("without.noneAll"), say("without.none")];
}

/** Say which houses are not in the sum, and why not. @param {LeftOut[]} missing */
export function without(missing) {
  const houses = missing.map((house) => ({ name: house.name ?? house.id, reason: reasonOf(house) }));
  const [{ name, reason }] = houses;
  const [one, all] = reason;
  if (houses.length === 1) return say("without.one", { name, why: one });
  const names = houses.map((house) => house.name);
  if (houses.every((house) => house.reason[1] === all)) {
    return say("without.all", { names: listed(names, MOST_HOUSES_NAMED), why: all });
  }
  const named = houses.map((house) => `${house.name} (${house.reason[2]})`);
  return say("without.each", { names: listed(named, MOST_HOUSES_NAMED) });
}

/**
 * Say the cause and remedy of a gateway that is in trouble, as the server does; a remedy that the cause names already
 * is said once.
 * @param {{sentence?: string | null, advice?: string | null}} gateway
 */
export function cause(gateway) {
  const why = asSentence(gateway.sentence);
  const help = gateway.advice ?? "";
  const said = asSentence(translated(gateway.sentence ?? ""));
  return why.toLowerCase().includes(help.toLowerCase()) ? said : `${said} ${translated(help)}`.trim();
}

/**
 * Say since when a gateway is as it is, and when it is asked again.
 * @param {{since?: Figure, next_attempt?: Figure}} gateway
 */
export function attempts(gateway) {
  const parts = [];
  if (known(gateway.since)) parts.push(say("gateway.since", { time: when(gateway.since) }));
  if (known(gateway.next_attempt)) {
    const wait = gateway.next_attempt - serverNow();
    parts.push(wait >= 1 ? say("gateway.next", { time: span(wait) }) : say("gateway.nextNow"));
  }
  return parts.join(" · ");
}

/** Say why nothing is known of something that has been read of none of these. @param {{state: string}[]} houses */
export const unreadWords = (houses) =>
  say(houses.some((house) => house.state === "away") ? "page.whileAway" : "page.nothingYet");

/**
 * Say that the address or this browser's settings name a gateway that is not configured, and which ones are.
 * @param {string} id
 * @param {{id: string, name: string}[] | null | undefined} gateways
 */
export function noSuchGateway(id, gateways) {
  const named = gateways?.map((one) => (one.name === one.id ? one.id : `${one.name} (${one.id})`)) ?? [];
  const list = listed(named, MOST_IDS_NAMED);
  const there = named.length ? say(named.length > 1 ? "gateway.there" : "gateway.there1", { list }) : "";
  return `${say("gateway.noSuch", { id })} ${there}`.trim();
}
