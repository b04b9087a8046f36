// Calendar days of the house: of the zone that was named, else of the reader's own.
import { locale } from "./texts.js";

/** The zone of the house; undefined: that of the browser. @type {string | undefined} */
let houseZone;
/** By zone: making a format costs more than using it. @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** Take the days of this IANA zone; of one that the browser does not know, or of none, those of the browser. */
export function useZone(/** @type {string | undefined} */ name) {
  houseZone = undefined;
  try {
    if (name && new Intl.DateTimeFormat(undefined, { timeZone: name })) houseZone = name;
  } catch {
    // The browser is older than the zone.
  }
}

/** Return the zone of the house; undefined: that of the browser. */
export const zone = () => houseZone;

/** Return the browser's own name of a zone that has several, Asia/Kolkata and Asia/Calcutta. @param {string} [name] undefined: of the reader's zone */
export const zoneName = (name) => new Intl.DateTimeFormat(undefined, { timeZone: name }).resolvedOptions().timeZone;

/**
 * Return a format of times in a zone, if none is named in that of the house.
 * @param {string} key
 * @param {Intl.DateTimeFormatOptions} options
 * @param {{language?: string, timeZone?: string}} [choices] ``timeZone`` undefined: the reader's own
 */
export function timeFormat(key, options, choices = {}) {
  const { language = locale, timeZone } = { timeZone: houseZone, ...choices };
  const name = `${key} ${timeZone}`;
  let format = formats.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat(language, { ...options, timeZone });
    formats.set(name, format);
  }
  return format;
}

/** @type {Intl.DateTimeFormatOptions} */
const NUMBERS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
};

/** Return what the clock of the house says at this second, as "YYYY-MM-DDTHH:MM:SS". @param {number} epoch */
export function wallTime(epoch) {
  if (!Number.isFinite(epoch)) return "";
  const parts = timeFormat("wall", NUMBERS, { language: "en-US" }).formatToParts(epoch * 1000);
  /** @type {Record<string, string>} */
  const found = {};
  for (const { type, value } of parts) found[type] = value;
  return `${found.year.padStart(4, "0")}-${found.month}-${found.day}T${found.hour}:${found.minute}:${found.second}`;
}

/** Return by how much the clock of the house is ahead of UTC, in seconds. @param {number} epoch */
export const offsetAt = (epoch) => Date.parse(`${wallTime(Math.floor(epoch))}Z`) / 1000 - Math.floor(epoch);

/**
 * Return the second at which the clock of the house says this ("YYYY-MM-DDTHH:MM:SS"): the first one of two, and where
 * that time is skipped, as much later as the clock is put forward.
 * @param {string} wall
 */
export function secondAt(wall) {
  const guess = Date.parse(`${wall}Z`) / 1000;
  if (Number.isNaN(guess)) return guess;
  const candidates = [guess - offsetAt(guess - 86_400), guess - offsetAt(guess + 86_400)];
  const exact = candidates.filter((epoch) => offsetAt(epoch) === guess - epoch);
  return exact.length ? Math.min(...exact) : candidates[0];
}

/** Return the day of this second as "YYYY-MM-DD". @param {number} epoch */
export const isoDay = (epoch) => wallTime(Math.floor(epoch)).split("T")[0];

/** Return the first second of a day; where midnight is skipped, the first one after it. @param {string} day */
export const dayStart = (day) => secondAt(`${day}T00:00:00`);

/** Return the day so many days later. @param {string} day @param {number} days */
export function addDays(day, days) {
  const noon = new Date(`${day}T12:00:00Z`);
  noon.setUTCDate(noon.getUTCDate() + days);
  return noon.toISOString().slice(0, 10);
}

/** Return the first second of the next day: days on which clocks change have 23 or 25 hours. @param {string} day */
export const dayEnd = (day) => dayStart(addDays(day, 1));
