// Numbers, times and temperatures in the reader's language. Unknown is a dash, never a zero.
import { settings } from "./settings.js";

export const DASH = "–";
export const IDLE_WATTS = 15; // less is no flow: meters are never quite still
const language = undefined; // the browser's
const formats = new Map();
const known = (value) => typeof value === "number" && Number.isFinite(value);

export { known };

/** A number with exactly this many decimals. */
export function number(value, decimals = 0) {
  if (!known(value)) return DASH;
  let format = formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    formats.set(decimals, format);
  }
  const shown = format.format(value);
  return /^[-−]0([.,]0+)?$/.test(shown) ? format.format(0) : shown;
}

/** Power as [number, unit]: watts below a kilowatt, else kilowatts. */
export function powerParts(watts) {
  if (!known(watts)) return [DASH, ""];
  const size = Math.abs(watts);
  if (size < 999.5) return [number(watts, 0), "W"];
  return [number(watts / 1000, size < 99_950 ? (size < 9_995 ? 2 : 1) : 0), "kW"];
}

export const power = (watts) => join(powerParts(watts));
const join = ([value, unit]) => (unit ? `${value}\u202f${unit}` : value);

/** Energy from watt hours. */
export function energy(wattHours) {
  if (!known(wattHours)) return DASH;
  const kilo = wattHours / 1000;
  const size = Math.abs(kilo);
  return size >= 10_000 ? `${number(kilo / 1000, 1)}\u202fMWh` : `${number(kilo, size < 100 ? 1 : 0)}\u202fkWh`;
}

export const percent = (value, decimals = 0) => (known(value) ? `${number(value, decimals)}\u202f%` : DASH);
export const withUnit = (value, unit, decimals = 0) =>
  known(value) ? `${number(value, decimals)}\u202f${unit}` : DASH;

/** C or F: chosen, else what the reader's country uses. */
export function temperatureUnit() {
  if (settings.temperature === "C" || settings.temperature === "F") return settings.temperature;
  return /-(US|BS|BZ|KY|PW|LR|FM|MH)\b/i.test(navigator.language || "") ? "F" : "C";
}

export const degrees = (celsius) => (known(celsius) && temperatureUnit() === "F" ? celsius * 1.8 + 32 : celsius);
export const temperature = (celsius, decimals = 1) =>
  known(celsius) ? `${number(degrees(celsius), decimals)}\u202f°${temperatureUnit()}` : DASH;

/** A span of seconds in its largest sensible units: "3 s", "4 min", "2 h 05 min", "3 d 4 h". */
export function span(seconds) {
  if (!known(seconds)) return DASH;
  const all = Math.max(0, Math.floor(seconds));
  if (all < 60) return `${all}\u202fs`;
  if (all < 3600) return `${Math.floor(all / 60)}\u202fmin`;
  if (all < 86_400)
    return `${Math.floor(all / 3600)}\u202fh ${String(Math.floor((all % 3600) / 60)).padStart(2, "0")}\u202fmin`;
  return `${Math.floor(all / 86_400)}\u202fd ${Math.floor((all % 86_400) / 3600)}\u202fh`;
}

const clockFormat = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short" });
const exactFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const fullFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export const clock = (epoch) => (known(epoch) ? clockFormat.format(epoch * 1000) : DASH);
/** ``exact``: with the seconds. */
export const moment = (epoch, exact = false) =>
  known(epoch) ? (exact ? exactFormat : fullFormat).format(epoch * 1000) : DASH;
export const day = (date) => dayFormat.format(date);
/** A calendar day "2026-03-01" as a local date at noon: safe from any zone's midnight. */
export const dateOf = (isoDay) => new Date(`${isoDay}T12:00:00`);
