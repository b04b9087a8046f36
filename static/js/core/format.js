// Numbers, times and temperatures in the reader's language. Unknown is a dash, never a zero.
import { timeFormat } from "./local_days.js";
import { settings } from "./settings.js";
import { locale as LANGUAGE } from "./texts.js";

/** A number that may not be known. @typedef {number | null | undefined} Figure */

export const DASH = "–";
export const IDLE_WATTS = 15; // less is no flow: meters are never quite still
const FAHRENHEIT_COUNTRIES = /-(US|BS|BZ|KY|PW|LR|FM|MH)\b/i;
/** By the number of decimals: making a format costs more than using it. @type {Map<number, Intl.NumberFormat>} */
const numberFormats = new Map();

/** Say whether there is a number at all. @param {unknown} value @returns {value is number} */
export const known = (value) => typeof value === "number" && Number.isFinite(value);

/** Write a number with exactly this many decimals. @param {Figure} value */
export function number(value, decimals = 0) {
  if (!known(value)) return DASH;
  let format = numberFormats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    numberFormats.set(decimals, format);
  }
  const shown = format.format(value);
  return /^[-−]0([.,]0+)?$/.test(shown) ? format.format(0) : shown;
}

/** Write a number with its unit. @param {Figure} value @param {string} unit */
export const withUnit = (value, unit, decimals = 0) =>
  known(value) ? `${number(value, decimals)}\u202f${unit}` : DASH;

/** Write a power as number and unit: watts below a kilowatt, else kilowatts. @param {Figure} watts */
export function powerParts(watts) {
  if (!known(watts)) return [DASH, ""];
  const size = Math.abs(watts);
  if (size < 999.5) return [number(watts, 0), "W"];
  return [number(watts / 1000, size < 99_950 ? (size < 9_995 ? 2 : 1) : 0), "kW"];
}

/** Write a power. @param {Figure} watts */
export function power(watts) {
  const [value, unit] = powerParts(watts);
  return unit ? `${value}\u202f${unit}` : value;
}

/** Write an energy. @param {Figure} wattHours */
export function energy(wattHours) {
  if (!known(wattHours)) return DASH;
  const kilo = wattHours / 1000;
  const size = Math.abs(kilo);
  return size >= 10_000 ? withUnit(kilo / 1000, "MWh", 1) : withUnit(kilo, "kWh", size < 100 ? 1 : 0);
}

/** Write an energy that is given in kWh. @param {Figure} kilowattHours */
export const energyOfKwh = (kilowattHours) => energy(known(kilowattHours) ? kilowattHours * 1000 : null);

/** Write a percentage. @param {Figure} value */
export const percent = (value, decimals = 0) => withUnit(value, "%", decimals);

/** Return C or F: what was chosen, else what the reader's country uses. */
export function temperatureUnit() {
  if (settings.temperature === "C" || settings.temperature === "F") return settings.temperature;
  return FAHRENHEIT_COUNTRIES.test(navigator.language || "") ? "F" : "C";
}

/** Return a temperature in the reader's unit. @param {Figure} celsius */
export const degrees = (celsius) => (known(celsius) && temperatureUnit() === "F" ? celsius * 1.8 + 32 : celsius);

/** Write a temperature. @param {Figure} celsius */
export const temperature = (celsius, decimals = 1) => withUnit(degrees(celsius), `°${temperatureUnit()}`, decimals);

/** Write a span in its largest sensible units: "3 s", "4 min", "2 h 05 min", "3 d 4 h". @param {Figure} seconds */
export function span(seconds) {
  if (!known(seconds)) return DASH;
  const all = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor((all % 3600) / 60);
  const hours = Math.floor(all / 3600);
  if (all < 60) return `${all}\u202fs`;
  if (hours === 0) return `${minutes}\u202fmin`;
  if (hours < 24) return `${hours}\u202fh ${String(minutes).padStart(2, "0")}\u202fmin`;
  return `${Math.floor(hours / 24)}\u202fd ${hours % 24}\u202fh`;
}

const dayFormat = new Intl.DateTimeFormat(LANGUAGE, { weekday: "short", day: "numeric", month: "short" });
/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const TIMES = {
  clock: { timeStyle: "short" },
  exact: { dateStyle: "medium", timeStyle: "medium" },
  full: { dateStyle: "medium", timeStyle: "short" },
};

/**
 * Write an instant, by the clock of the house where the page knows it.
 * @param {string} form @param {number} epoch @param {{timeZone?: string}} [where]
 */
const written = (form, epoch, where) => timeFormat(form, TIMES[form], where).format(epoch * 1000);

/**
 * Write when something began that goes on now, by the reader's own clock: it is told on every page, also on those that
 * know no house. @param {number} epoch @param {boolean} withDay
 */
export const readersTime = (epoch, withDay) => written(withDay ? "full" : "clock", epoch, { timeZone: undefined });

/** Write a time of day. @param {Figure} epoch */
export const clock = (epoch) => (known(epoch) ? written("clock", epoch) : DASH);

/** Write a day and time; ``exact``: with the seconds. @param {Figure} epoch */
export const moment = (epoch, exact = false) => (known(epoch) ? written(exact ? "exact" : "full", epoch) : DASH);

/** Write a calendar day. @param {Date} date */
export const dayName = (date) => dayFormat.format(date);

const longDayFormat = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
/** Write a calendar day with its year. @param {Date} date */
export const longDay = (date) => longDayFormat.format(date);

/** Return "2026-03-01" as a local date at noon, which is safe from any zone's midnight. @param {string} isoDay */
export const dateOf = (isoDay) => new Date(`${isoDay}T12:00:00`);
