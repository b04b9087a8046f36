// What ?from= and ?to= may say: a day, a time, or seconds (or milliseconds) since 1970.
import { dayEnd, dayStart, isoDay, secondAt } from "../core/local_days.js";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/;
const EPOCH = /^\d{1,15}(\.\d{1,9})?$/;
const FIRST_MILLISECONDS = 1e11; // as seconds that is the year 5138

/**
 * Return the second that a value of the address means, NaN where it means none. A day that ends a range counts whole.
 * @param {string} value
 * @param {boolean} isEnd
 */
export function secondOf(value, isEnd) {
  const words = value.trim();
  if (EPOCH.test(words)) return Number(words) < FIRST_MILLISECONDS ? Number(words) : Number(words) / 1000;
  // Browsers take 31 February for 3 March.
  const day = words.slice(0, 10);
  if (isoDay(dayStart(day) + 43_200) !== day) return Number.NaN;
  if (DAY.test(words)) return isEnd ? dayEnd(day) : dayStart(day);
  // A plus sign in an address is a space, and many write one instead of the T.
  const time = words.replace(/^(.{10}) /, "$1T").replace(/ (\d{2}:?\d{2})$/, "+$1");
  const found = TIME.exec(time);
  if (!found) return Number.NaN;
  if (found[3]) return Date.parse(time.replace(/([+-]\d{2})(\d{2})$/, "$1:$2")) / 1000;
  const whole = time.replace(/\.\d+$/, "");
  return Date.parse(`${time}Z`) ? secondAt(whole.length === 16 ? `${whole}:00` : whole) : Number.NaN;
}
