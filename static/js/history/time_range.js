// The range shown, kept in the page's address: ?range=7d while it ends now, else ?from=&to= in epoch seconds.
import { serverNow } from "../core/server_clock.js";

export const RANGES = {
  "1h": 3600,
  "6h": 21_600,
  "1d": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
  "90d": 7_776_000,
  "1y": 31_622_400,
  all: Infinity,
};
export const NAMES = {
  "1h": "1 h",
  "6h": "6 h",
  "1d": "24 h",
  "7d": "7 d",
  "30d": "30 d",
  "90d": "90 d",
  "1y": "1 y",
  all: "All",
};
const SHORTEST = 600;
const nowSeconds = () => Math.floor(serverNow());

export class TimeRange {
  constructor(query, first = () => nowSeconds() - 86_400) {
    this.first = first; // oldest second recorded
    const from = Number(query.get("from")),
      to = Number(query.get("to"));
    if (query.has("from") && query.has("to") && from < to) Object.assign(this, { name: "", from, to });
    else this.choose(query.get("range") in RANGES ? query.get("range") : "1d");
  }

  choose(name) {
    this.name = name;
    this.follow();
  }

  /** A range that ends now moves with the clock. */
  follow() {
    if (!this.name) return;
    this.to = nowSeconds();
    this.from = this.name === "all" ? this.first() : this.to - RANGES[this.name];
    if (this.to - this.from < SHORTEST) this.from = this.to - SHORTEST;
  }

  set(from, to) {
    const length = Math.max(SHORTEST, to - from);
    const end = Math.min(to, nowSeconds() + 1);
    Object.assign(this, { name: "", from: Math.round(end - length), to: Math.round(end) });
  }

  /** From here to there, or to now: the start stays. */
  between(from, to) {
    this.set(from, Math.min(to, Math.max(nowSeconds(), from + SHORTEST)));
  }

  move(share) {
    const length = this.to - this.from;
    this.set(this.from + length * share, this.to + length * share);
  }

  /** ``factor`` < 1 zooms in; ``at`` is the second that stays where it is. */
  zoom(factor, at = (this.from + this.to) / 2) {
    const from = at - (at - this.from) * factor,
      to = at + (this.to - at) * factor;
    this.set(Math.max(from, nowSeconds() - 40 * 366 * 86_400), to);
  }

  write(query) {
    for (const name of ["range", "from", "to"]) query.delete(name);
    if (this.name) query.set("range", this.name);
    else {
      query.set("from", this.from);
      query.set("to", this.to);
    }
  }
}
