// The name of what is shown: "November 2026", "Week 48, 23 – 29 November 2026", "Last 24 hours".
import { moment } from "../core/format.js";
import { isoDay } from "../core/local_days.js";
import { locale as LANGUAGE, say, sayId } from "../core/texts.js";
import { weekNumber } from "./calendar_range.js";

/** @import { TimeRange } from "./time_range.js" */

/** @param {Intl.DateTimeFormatOptions} options */
const format = (options) => new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone: "UTC" });
const FORMATS = {
  day: format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  days: format({ day: "numeric", month: "long", year: "numeric" }),
  month: format({ month: "long", year: "numeric" }),
  year: format({ year: "numeric" }),
  shortDay: format({ weekday: "short", day: "numeric", month: "short" }),
  shortDays: format({ day: "numeric", month: "short" }),
  dayOfYear: format({ day: "numeric", month: "short", year: "numeric" }),
  shortMonth: format({ month: "short", year: "2-digit" }),
  time: format({ timeStyle: "short" }),
};

/**
 * Return noon of a day, whose date is the same by the clock of UTC. A browser whose clock is wrong by millennia has days
 * that cannot be read until the server has told its time.
 * @param {string} day
 */
function noon(day) {
  const found = new Date(`${day}T12:00:00Z`);
  return Number.isNaN(found.getTime()) ? new Date(0) : found;
}

/** Write some days, or one. @param {string} first @param {string} last */
export const daysTitle = (first, last) =>
  first === last ? FORMATS.day.format(noon(first)) : FORMATS.days.formatRange(noon(first), noon(last));

/** Write the day of an instant, by the clock of the house. @param {number} epoch */
export const shortDay = (epoch) => FORMATS.dayOfYear.format(noon(isoDay(epoch)));

/** Write the name of a week. @param {number} week @param {string} days or the year */
export const titleOfWeek = (week, days) => say("history.titleOfWeek", { number: week, days });

/** Write the name of a calendar period. @param {string} kind @param {string} first @param {string} last its days */
export function periodTitle(kind, first, last) {
  if (kind === "month" || kind === "year") return FORMATS[kind].format(noon(first));
  const days = daysTitle(first, last);
  return kind === "week" ? titleOfWeek(weekNumber(first), days) : days;
}

/** Write the name of what is shown. @param {TimeRange} range */
export function rangeTitle(range) {
  const { first, last } = range.days;
  if (range.kind) return periodTitle(range.kind, first, last);
  if (range.name === "all") return say("history.titleOfAll", { first: FORMATS.days.format(noon(first)) });
  if (range.name) return sayId("history.titles.", range.name);
  return range.isOfDays ? daysTitle(first, last) : windowTitle(range.from, range.to);
}

/** Write any window. @param {number} from @param {number} to */
export const windowTitle = (from, to) => `${moment(from)} – ${moment(to)}`;

/** Write the time of day of an hour, which the label tells by the clock of the house. @param {string} label */
const timeOf = (label) => FORMATS.time.format(new Date(`1970-01-01T${label.slice(11, 16)}Z`));

/**
 * Write the name of a bar by the label of the server: "2:00 PM", "Thu, Nov 26", "Nov 26".
 * @param {string} label "2026-11-26T14:00+01:00", "2026-11-26" or "2026-11"
 */
export function barName(label) {
  if (label.length > 10) return timeOf(label);
  return label.length > 7 ? FORMATS.shortDay.format(noon(label)) : FORMATS.shortMonth.format(noon(`${label}-01`));
}

/** Write the whole name of a bar, for a table. @param {string} label */
export function longBarName(label) {
  if (label.length > 10) return `${FORMATS.shortDay.format(noon(label.slice(0, 10)))}, ${timeOf(label)}`;
  return label.length > 7 ? FORMATS.day.format(noon(label)) : FORMATS.month.format(noon(`${label}-01`));
}
