// Days, weeks, months and years by the calendar of the house. Days are written "YYYY-MM-DD"; weeks begin on Monday.
import { addDays } from "../core/local_days.js";

/** @typedef {"day" | "week" | "month" | "year"} Kind */
/** @typedef {{first: string, last: string}} Days both in it */

/** What a name of the address shows: which kind, and how many days before today it begins. */
const NAMED = /** @type {const} */ ({
  today: ["day", 0],
  yesterday: ["day", 1],
  day: ["day", 0],
  week: ["week", 0],
  month: ["month", 0],
  year: ["year", 0],
});

/** Return the kind of period that a name means; empty: none. @param {string} name @returns {Kind | ""} */
export const kindOf = (name) => (Object.hasOwn(NAMED, name) ? NAMED[/** @type {keyof typeof NAMED} */ (name)][0] : "");

/** Return a day of the period that this name means now. @param {string} name @param {string} today */
export const dayOf = (name, today) => addDays(today, name === "yesterday" ? -1 : 0);

/** Return the name under which a period of that day is followed, and the day if it does not move with the clock. */
export function nameFor(/** @type {Kind} */ kind, /** @type {string} */ day, /** @type {string} */ today) {
  const isNow = sameDays(daysOf(kind, day), daysOf(kind, today));
  if (kind === "day") return isNow ? { name: "today", date: "" } : { name: "day", date: day };
  return { name: kind, date: isNow ? "" : day };
}

/** @param {Days} one @param {Days} other */
const sameDays = (one, other) => one.first === other.first && one.last === other.last;

/** Return the days of the period that holds a day. @param {Kind} kind @param {string} day @returns {Days} */
export function daysOf(kind, day) {
  if (kind === "day") return { first: day, last: day };
  if (kind === "week") {
    const weekday = (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7;
    return { first: addDays(day, -weekday), last: addDays(day, 6 - weekday) };
  }
  if (kind === "month") {
    const first = `${day.slice(0, 7)}-01`;
    return { first, last: addDays(`${addDays(first, 31).slice(0, 7)}-01`, -1) };
  }
  return { first: `${day.slice(0, 4)}-01-01`, last: `${day.slice(0, 4)}-12-31` };
}

/** Return a day of the period before or after. @param {Kind} kind @param {string} day @param {-1 | 1} direction */
export function neighbour(kind, day, direction) {
  const { first, last } = daysOf(kind, day);
  return direction < 0 ? addDays(first, -1) : addDays(last, 1);
}

/** Return the number of a week by ISO 8601. @param {string} day */
export function weekNumber(day) {
  const thursday = addDays(daysOf("week", day).first, 3);
  const first = Date.parse(`${thursday.slice(0, 4)}-01-01T12:00:00Z`);
  return Math.floor((Date.parse(`${thursday}T12:00:00Z`) - first) / (7 * 86_400_000)) + 1;
}
