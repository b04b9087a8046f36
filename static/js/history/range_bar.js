// The bar above the charts: which time is shown, and how to get to another one.
import { attribute, find, h, text } from "../core/dom.js";
import { dayEnd, dayStart, isoDay, zone, zoneName } from "../core/local_days.js";
import { serverNow } from "../core/server_clock.js";
import { say } from "../core/texts.js";
import { rangeTitle } from "./range_title.js";

/** @import { TimeRange } from "./time_range.js" */

const RANGES = /** @type {const} */ ({
  calendar: ["today", "yesterday", "week", "month", "year", "all"],
  rolling: ["1h", "6h", "1d", "7d", "30d", "90d", "1y"],
});

export class RangeBar {
  /** @param {TimeRange} range @param {(change: () => void) => void} go changes the range, and shows it */
  constructor(range, go) {
    this.range = range;
    for (const [id, names] of Object.entries(RANGES)) {
      for (const name of names) {
        const click = () => go(() => range.choose(name));
        find(id).append(h("button", { type: "button", "data-range": name, click }, say(`history.ranges.${name}`)));
      }
    }
    const steps = {
      back: () => range.step(-1),
      forward: () => range.step(1),
      now: () => range.toNow(),
      out: () => range.zoom(2),
      in: () => range.zoom(0.5),
    };
    for (const [id, step] of Object.entries(steps)) find(id).addEventListener("click", () => go(step));
    for (const id of ["from", "to"]) find(id).addEventListener("change", () => this.chooseDays(go));
    find("tools").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Show the days that were typed; a date half written is none. @param {(change: () => void) => void} go */
  chooseDays(go) {
    const [from, to] = [find("from", HTMLInputElement).value, find("to", HTMLInputElement).value];
    if (!from || !to) return;
    if (dayStart(from) < dayEnd(to)) go(() => this.range.between(dayStart(from), dayEnd(to)));
  }

  /** Say what is shown. */
  show() {
    const { range } = this;
    const { first, last } = range.days;
    const today = isoDay(serverNow());
    const title = rangeTitle(range);
    text(find("title"), title);
    document.title = say("page.titleOfRange", { range: title });
    const pressed = range.date && range.kind !== "day" ? range.kind : range.name;
    const yesterday = range.kind === "day" && last === isoDay(dayStart(today) - 43_200);
    for (const button of document.querySelectorAll("[data-range]")) {
      const { range: name } = /** @type {HTMLElement} */ (button).dataset;
      attribute(button, "aria-pressed", String(name === (yesterday ? "yesterday" : pressed)));
    }
    const [from, to] = [find("from", HTMLInputElement), find("to", HTMLInputElement)];
    from.value = first;
    to.value = [last, today].sort()[0];
    from.max = to.max = today;
    find("back", HTMLButtonElement).disabled = !range.canStep(-1);
    find("forward", HTMLButtonElement).disabled = !range.canStep(1);
    find("now", HTMLButtonElement).disabled = !range.canStep(1);
    const other = zone();
    find("zone").hidden = !other || zoneName(other) === zoneName();
    text(find("zone"), other ? say("history.zone", { name: other }) : "");
  }
}
