// The moving dots. Those of one line are one belt that a single compositor animation pulls along below a window as long
// as the line. A change of power only changes the playback rate, so nothing is laid out, painted or restarted from one
// second to the next.
import { attribute, h } from "../core/dom.js";
import { IDLE_WATTS } from "../core/format.js";

/**
 * @import { Point } from "./layout.js"
 * @typedef {Record<string, number>} Parts watts by where they come from
 */

const APART = 36; // drawing units between two dots
const MOST_DOTS = 9;
const DOT_SIZE = 14;
const NOTICED = 0.04; // a smaller change of the speed cannot be seen
const still = matchMedia("(prefers-reduced-motion: reduce), (update: slow)"); // slow: electronic paper

/**
 * Return the speed in drawing units a second: it grows with the root of the power, so that both 200 W and 20 kW look
 * right.
 * @param {number} watts
 */
const speed = (watts) => 34 + 46 * Math.sqrt(Math.min(Math.abs(watts), 30_000) / 1000);

export class Dots {
  belt = h("b");
  box = h("span.dots", {}, this.belt);
  /** @type {HTMLElement[]} */
  dots = [];
  /** @type {Animation | null} */
  animation = null;
  direction = 0; // 1: from the node to the hub
  rate = 0; // trips a second
  length = 0; // in pixels
  scale = 1;
  count = 0;
  upright = false;
  forward = 0;
  colours = "";
  /** @type {number | null} */
  watts = null;
  /** @type {Parts} */
  parts = {};

  /** @param {Element} parent */
  constructor(parent) {
    parent.append(this.box);
    still.addEventListener("change", () => this.show(this.watts, this.parts));
  }

  /**
   * Lay the dots on a line, in pixels, that is level or upright. Nothing is scaled and every edge is a whole pixel:
   * otherwise a browser without a graphics card spends twice to four times the work on each frame.
   * @param {Point} from
   * @param {Point} to
   * @param {number} scale
   */
  place(from, to, scale) {
    const size = 2 * Math.max(1, Math.round((DOT_SIZE * scale) / 2));
    const length = Math.round(Math.hypot(to.x - from.x, to.y - from.y));
    this.length = length;
    this.scale = scale;
    this.upright = from.x === to.x;
    this.forward = Math.sign(this.upright ? to.y - from.y : to.x - from.x);
    const left = Math.round(Math.min(from.x, to.x) - (this.upright ? size / 2 : 0));
    const top = Math.round(Math.min(from.y, to.y) - (this.upright ? 0 : size / 2));
    const [width, height] = this.upright ? [size, length] : [length, size];
    const style = `left:${left}px;top:${top}px;width:${width}px;height:${height}px;--size:${size}px`;
    attribute(this.box, "style", style);
    this.count = Math.min(MOST_DOTS, Math.max(2, Math.round(length / (APART * scale))));
    const apart = length / this.count;
    const side = this.upright ? "top" : "left";
    this.dots = Array.from({ length: this.count * 2 }, (_, index) =>
      h("i", { style: `${side}:${apart * (index + 0.5) - size / 2}px` }),
    );
    this.belt.replaceChildren(...this.dots);
    this.colours = "";
    this.turn(0);
    this.show(this.watts, this.parts);
  }

  /**
   * Let the dots run: from the node to the hub while ``watts`` > 0, else the other way. ``parts`` colour them.
   * @param {number | null} watts
   * @param {Parts} parts
   */
  show(watts, parts) {
    this.watts = watts;
    this.parts = parts;
    if (!this.length) return;
    const direction = watts === null || Math.abs(watts) < IDLE_WATTS || still.matches ? 0 : Math.sign(watts);
    if (direction !== this.direction) this.turn(direction);
    if (watts === null || !this.animation) return;
    const rate = (speed(watts) * this.scale) / this.length;
    if (!this.rate || Math.abs(rate - this.rate) > this.rate * NOTICED) {
      this.rate = rate;
      this.animation.updatePlaybackRate(rate);
    }
    const colours = mix(parts, this.count);
    if (colours.join() === this.colours) return;
    this.colours = colours.join();
    for (const [index, dot] of this.dots.entries()) dot.className = colours[index % this.count];
  }

  /** @param {number} direction */
  turn(direction) {
    this.animation?.cancel();
    this.animation = null;
    this.direction = direction;
    this.rate = 0;
    this.box.classList.toggle("running", direction !== 0);
    if (!direction) return;
    const ends = [`translate${this.upright ? "Y" : "X"}(${-this.length}px)`, "translate(0)"];
    if (direction * this.forward < 0) ends.reverse();
    const frames = ends.map((transform) => ({ transform }));
    this.animation = this.belt.animate(frames, { duration: 1000, iterations: Infinity });
  }
}

/**
 * Return the colour of each of ``count`` dots when the power comes from several sources: in proportion, well mixed.
 * @param {Parts} parts
 * @param {number} count
 */
function mix(parts, count) {
  const all = Object.entries(parts).filter(([, watts]) => watts > 0);
  const total = all.reduce((sum, [, watts]) => sum + watts, 0);
  const owed = all.map(([name, watts]) => ({ name, share: watts / total, credit: 0 }));
  return Array.from({ length: count }, () => {
    for (const one of owed) one.credit += one.share;
    const next = owed.reduce((best, one) => (one.credit > best.credit ? one : best));
    next.credit -= 1;
    return next.name;
  });
}
