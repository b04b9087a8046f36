// The range shown, kept in the page's address: ?range=7d while it ends now, else ?from=&to= in epoch seconds.
import { serverNow } from "../core/server_clock.js";
import { inherited } from "../core/settings.js";
import { secondOf } from "./address_time.js";

/** The seconds of each range that ends now, and its label. @type {Record<string, [seconds: number, label: string]>} */
export const RANGES = {
  "1h": [3600, "1 h"],
  "6h": [21_600, "6 h"],
  "1d": [86_400, "24 h"],
  "7d": [604_800, "7 d"],
  "30d": [2_592_000, "30 d"],
  "90d": [7_776_000, "90 d"],
  "1y": [31_622_400, "1 y"],
  all: [Infinity, "All"],
};
const SHORTEST_SECONDS = 600;
const EARLIEST_SECONDS = 40 * 366 * 86_400; // before now
const DAY_SECONDS = 86_400;
/** @param {string} value */
const shortened = (value) => (value.length > 40 ? `${value.slice(0, 40)}…` : value);
const nowSeconds = () => Math.floor(serverNow());

export class TimeRange {
  from = 0;
  to = 0;
  /** Of a range that ends now; else empty. */
  name = "";
  /** What is wrong with the range of the address, for the reader; empty: nothing. */
  problem = "";

  /**
   * ``first`` returns the oldest second that is recorded.
   * @param {URLSearchParams} query
   * @param {() => number} first
   */
  constructor(query, first) {
    this.first = first;
    const name = query.get("range") ?? inherited("pw_history_range") ?? "";
    this.choose(Object.hasOwn(RANGES, name) ? name : "1d");
    if (query.get("from") || query.get("to")) this.read(query.get("from") ?? "", query.get("to") ?? "");
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
    const form = "write a day (2026-11-01), a time (2026-11-01T18:30) or seconds since 1970";
    if (Number.isNaN(from) && start)
      this.problem = `from=${shortened(start)} is no time: ${form}. This is the last day.`;
    else if (Number.isNaN(to)) this.problem = `to=${shortened(end)} is no time: ${form}. This is the last day.`;
    else if (from > now) this.problem = `from=${shortened(start)} is in the future. This is the last day.`;
    else this.between(Math.max(from, now - EARLIEST_SECONDS), to);
    if (this.problem) this.choose("1d");
  }

  /** Show the last hour, week … @param {string} name of RANGES */
  choose(name) {
    this.name = name;
    this.follow();
  }

  /** Move a range that ends now with the clock. */
  follow() {
    if (!this.name) return;
    this.to = nowSeconds();
    this.from = this.name === "all" ? this.first() : this.to - RANGES[this.name][0];
    if (this.to - this.from < SHORTEST_SECONDS) this.from = this.to - SHORTEST_SECONDS;
  }

  /** @param {number} from @param {number} to */
  fix(from, to) {
    this.name = "";
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

  /** Zoom, with ``factor`` < 1 in; ``at`` is the second that stays where it is. @param {number} factor */
  zoom(factor, at = (this.from + this.to) / 2) {
    const from = at - (at - this.from) * factor;
    const to = at + (this.to - at) * factor;
    this.set(Math.max(from, nowSeconds() - EARLIEST_SECONDS), to);
  }

  /** Write the range into the page's address. @param {URLSearchParams} query */
  write(query) {
    for (const name of ["range", "from", "to"]) query.delete(name);
    if (this.name) query.set("range", this.name);
    else {
      query.set("from", String(this.from));
      query.set("to", String(this.to));
    }
  }
}
