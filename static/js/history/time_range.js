// The range shown, kept in the page's address: ?range=month or ?range=7d while it moves with the clock,
// ?range=month&date=2026-10-01 for one that does not, else ?from=&to= in epoch seconds.
import { addDays, dayEnd, dayStart, isoDay } from "../core/local_days.js";
import { serverNow } from "../core/server_clock.js";
import { inherited } from "../core/settings.js";
import { say } from "../core/texts.js";
import { secondOf } from "./address_time.js";
import { dayOf, daysOf, kindOf, nameFor, neighbour } from "./calendar_range.js";

/** @import { Kind } from "./calendar_range.js" */

/** The seconds of each range that ends now. @type {Record<string, number>} */
export const ROLLING = {
  "1h": 3600,
  "6h": 21_600,
  "1d": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
  "90d": 7_776_000,
  "1y": 31_622_400,
  all: Infinity,
};
const SHORTEST_SECONDS = 600;
const EARLIEST_SECONDS = 40 * 366 * 86_400; // before now
const DAY_SECONDS = 86_400;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** @param {string} value */
const shortened = (value) => (value.length > 40 ? `${value.slice(0, 40)}…` : value);
const nowSeconds = () => Math.floor(serverNow());
const today = () => isoDay(nowSeconds());

/** Say whether the address may name this range. @param {string} name */
const isName = (name) => Object.hasOwn(ROLLING, name) || Boolean(kindOf(name));

export class TimeRange {
  from = 0;
  to = 0;
  /** Of a range that has one; else empty. */
  name = "";
  /** A day of a calendar period that does not move with the clock; else empty. */
  date = "";
  /** What is wrong with the range of the address, for the reader; empty: nothing. */
  problem = "";

  /**
   * ``first`` returns the oldest second that is recorded.
   * @param {URLSearchParams} query
   * @param {() => number} first
   */
  constructor(query, first) {
    this.first = first;
    this.open(query, inherited("pw_history_range") ?? "");
  }

  /** Show what the address asks for. @param {URLSearchParams} query @param {string} [otherwise] a name */
  open(query, otherwise = "") {
    const told = query.get("range");
    const name = told ?? otherwise;
    this.choose(isName(name) ? name : "1d", query.get("date") ?? "");
    if (query.get("from") || query.get("to")) this.read(query.get("from") ?? "", query.get("to") ?? "");
    else if (told && !isName(told)) this.problem = say("history.problem.range", { value: shortened(told) });
  }

  /** Say whether it moves with the clock. */
  get isMoving() {
    return Boolean(this.name) && !this.date;
  }

  /** The kind of calendar period; empty: it is none. @returns {Kind | ""} */
  get kind() {
    return kindOf(this.name);
  }

  /** A day of the calendar period, or the first day. */
  get day() {
    return this.kind ? this.date || dayOf(this.name, today()) : isoDay(this.from);
  }

  /** The days that it touches. */
  get days() {
    return { first: isoDay(this.from), last: isoDay(this.to - 1) };
  }

  /** Say whether it is made of whole days, as far as there have been any. */
  get isOfDays() {
    const { first, last } = this.days;
    return this.from === dayStart(first) && (this.to === dayEnd(last) || (!this.name && this.to >= nowSeconds() - 60));
  }

  /**
   * Show what the address asks for: without an end until now, without a start the day before the end.
   * @param {string} start
   * @param {string} end
   */
  read(start, end) {
    const now = nowSeconds();
    let to = end ? secondOf(end, true) : now;
    let from = start ? secondOf(start, false) : to - DAY_SECONDS;
    if (start && end && from > to) [from, to] = [secondOf(end, false), secondOf(start, true)];
    if (Number.isNaN(from) && start) this.problem = say("history.problem.from", { value: shortened(start) });
    else if (Number.isNaN(to)) this.problem = say("history.problem.to", { value: shortened(end) });
    else if (from > now) this.problem = say("history.problem.future", { value: shortened(start) });
    else this.between(Math.max(from, now - EARLIEST_SECONDS), to);
    if (this.problem) this.choose("1d");
  }

  /**
   * Show the last hour, today, this month …; with a day the period that holds it.
   * @param {string} name of ROLLING, or of a period of the calendar
   * @param {string} [date]
   */
  choose(name, date = "") {
    this.name = name === "day" ? "today" : name;
    this.date = "";
    const kind = kindOf(name);
    if (kind && date) {
      if (!DAY.test(date) || isoDay(dayStart(date) + 43_200) !== date) {
        this.problem = say(`history.problem.date.${kind}`, { value: shortened(date) });
      } else if (date <= today()) Object.assign(this, nameFor(kind, date, today()));
    }
    this.follow();
  }

  /** Move a range that ends now with the clock. */
  follow() {
    if (!this.name) return;
    const now = nowSeconds();
    if (this.kind) {
      const { first, last } = daysOf(this.kind, this.day);
      this.from = dayStart(first);
      this.to = dayEnd(last);
      return;
    }
    this.to = now;
    this.from = this.name === "all" ? this.first() : now - ROLLING[this.name];
    if (this.to - this.from < SHORTEST_SECONDS) this.from = this.to - SHORTEST_SECONDS;
  }

  /** @param {number} from @param {number} to */
  fix(from, to) {
    this.name = "";
    this.date = "";
    this.from = from;
    this.to = to;
  }

  /** Show from here to there, as far as there is a past. @param {number} from @param {number} to */
  set(from, to) {
    const length = Math.max(SHORTEST_SECONDS, to - from);
    const end = Math.min(to, nowSeconds() + 1);
    this.fix(Math.round(end - length), Math.round(end));
  }

  /** Show from here to there, or to now: the start stays. @param {number} from @param {number} to */
  between(from, to) {
    this.set(from, Math.min(to, Math.max(nowSeconds(), from + SHORTEST_SECONDS)));
  }

  /** Move by a share of its length. @param {number} share */
  move(share) {
    const length = this.to - this.from;
    this.set(this.from + length * share, this.to + length * share);
  }

  /** Show the period, or the time of the same length, before or after. @param {-1 | 1} direction */
  step(direction) {
    const { kind } = this;
    if (kind) this.choose(kind, neighbour(kind, this.day, direction));
    else if (this.isOfDays && this.name !== "all") {
      const { first, last } = this.days;
      const count = Math.round((dayStart(last) - dayStart(first)) / DAY_SECONDS) + 1;
      this.between(dayStart(addDays(first, direction * count)), dayEnd(addDays(last, direction * count)));
    } else this.move(direction);
  }

  /** Say whether there is anything before it, or after it. @param {-1 | 1} direction */
  canStep(direction) {
    if (this.name === "all") return false;
    return direction < 0 ? this.from > this.first() : this.to < nowSeconds() - 60;
  }

  /** Show the present: of a calendar period the present one, else the same length until now. */
  toNow() {
    const length = this.to - this.from;
    if (this.kind) this.choose(this.kind);
    else if (!this.name) this.set(nowSeconds() - length, nowSeconds());
  }

  /** Zoom, with ``factor`` < 1 in; ``at`` is the second that stays where it is. @param {number} factor */
  zoom(factor, at = (this.from + this.to) / 2) {
    const from = at - (at - this.from) * factor;
    const to = at + (this.to - at) * factor;
    this.set(Math.max(from, nowSeconds() - EARLIEST_SECONDS), to);
  }

  /** Write the range into the page's address. @param {URLSearchParams} query */
  write(query) {
    for (const name of ["range", "date", "from", "to"]) query.delete(name);
    if (this.name) {
      query.set("range", this.name);
      if (this.date) query.set("date", this.date);
    } else {
      query.set("from", String(this.from));
      query.set("to", String(this.to));
    }
  }
}
