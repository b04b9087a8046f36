// The bars of the range: per hour, day or month, as the server finds fit. By pointer and by keyboard.
import { BAR_LEGEND, drawBars, inWords, totalOf } from "../charts/energy_bars.js";
import { attribute, find, h, text } from "../core/dom.js";
import { say } from "../core/texts.js";
import { barName, longBarName } from "./range_title.js";

/** @import { DayTotal } from "../charts/energy_bars.js" */
/** @typedef {WindowTotals["step"]} Step */

export class EnergyCard {
  /** @type {DayTotal[]} */
  bars = [];
  /** @type {Step} */
  step = "day";
  /** The bar that the keyboard is at; -1: none. */
  at = -1;

  /** @param {(label: string) => void} onOpen called with the label of a day or a month: "2026-11-26", "2026-11" */
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.room = find("energy");
    for (const [name, label] of BAR_LEGEND) {
      const swatch = h("span.swatch", { style: `--colour: var(--${name})` });
      find("energy-legend").append(h("span", {}, swatch, label));
    }
    this.room.addEventListener("keydown", (event) => this.press(event));
    this.room.addEventListener("blur", () => this.point(-1));
    new ResizeObserver(() => this.draw()).observe(this.room);
  }

  /** Show these bars. @param {WindowTotals} totals */
  show({ rows, step }) {
    this.bars = rows.map((row) => totalOf(row, row.label));
    if (step !== this.step) this.at = -1;
    this.step = step;
    text(find("energy-title"), say(`history.bars.${step}`));
    this.draw();
  }

  draw() {
    const title = say(`history.bars.${this.step}`);
    const label = say("history.barsOf", { title, count: this.bars.length });
    const opens = this.step === "hour" ? "" : say(`history.open.${this.step}`);
    attribute(this.room, "aria-label", `${label} ${opens}`.trim());
    this.room.classList.toggle("opens", this.step !== "hour");
    drawBars(this.room, this.bars, {
      label,
      nameOf: (one) => barName(one.day),
      onOpen: (one) => this.open(one),
    });
    this.mark();
  }

  /** @param {DayTotal} one */
  open(one) {
    if (this.step !== "hour") this.onOpen(one.day);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const last = this.bars.length - 1;
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: this.at < 0 ? last : Math.max(0, this.at - 1),
      ArrowRight: this.at < 0 ? 0 : Math.min(last, this.at + 1),
      Home: 0,
      End: last,
      Escape: -1,
    };
    if (event.key === "Enter" && this.bars[this.at]) this.open(this.bars[this.at]);
    else if (Object.hasOwn(places, event.key) && last >= 0) this.point(places[event.key]);
    else return;
    event.preventDefault();
  }

  /** Read out a bar, and mark it. @param {number} index */
  point(index) {
    this.at = index;
    const one = this.bars[index];
    text(find("energy-spoken"), one ? inWords(one, (bar) => longBarName(bar.day)) : "");
    this.mark();
  }

  mark() {
    for (const [index, hit] of this.room.querySelectorAll(".hit").entries()) {
      hit.classList.toggle("marked", index === this.at);
    }
  }
}
