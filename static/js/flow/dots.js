// The moving dots. Those of one line are one belt that a single compositor animation pulls along below a window as long
// as the line. A change of power only changes the playback rate, so nothing is laid out, painted or restarted from one
// second to the next.
import { h } from "../core/dom.js";
import { IDLE_WATTS } from "../core/format.js";

const APART = 36; // drawing units between two dots
const MOST = 9;
const SIZE = 14;
const still = matchMedia("(prefers-reduced-motion: reduce), (update: slow)"); // slow: electronic paper

/** Speed in drawing units a second: grows with the root of the power, so that 200 W and 20 kW both look right. */
export const speed = (watts) => 34 + 46 * Math.sqrt(Math.min(Math.abs(watts), 30_000) / 1000);

export class Dots {
  constructor(parent) {
    this.belt = h("b");
    this.box = h("span.dots", {}, this.belt);
    parent.append(this.box);
    this.direction = 0;
    this.watts = null;
    still.addEventListener("change", () => this.show(this.watts, this.parts));
  }

  /** The line the dots run on, in pixels: always level or upright. Nothing is scaled and every edge is a whole pixel, or a
   * browser without a graphics card spends twice to four times the work on each frame. */
  place(from, to, scale) {
    const size = 2 * Math.max(1, Math.round((SIZE * scale) / 2));
    const length = Math.round(Math.hypot(to.x - from.x, to.y - from.y));
    this.length = length;
    this.scale = scale;
    this.upright = from.x === to.x;
    this.forward = Math.sign(this.upright ? to.y - from.y : to.x - from.x);
    const left = Math.min(from.x, to.x),
      top = Math.min(from.y, to.y);
    const [width, height] = this.upright ? [size, length] : [length, size];
    this.box.style.cssText = `left:${Math.round(left - (this.upright ? size / 2 : 0))}px;top:${Math.round(top - (this.upright ? 0 : size / 2))}px;width:${width}px;height:${height}px;--size:${size}px`;
    this.count = Math.min(MOST, Math.max(2, Math.round(length / (APART * scale))));
    const apart = length / this.count;
    this.dots = Array.from({ length: this.count * 2 }, (_, index) =>
      h("i", { style: `${this.upright ? "top" : "left"}:${apart * (index + 0.5) - size / 2}px` }),
    );
    this.belt.replaceChildren(...this.dots);
    this.key = "";
    this.turn(0);
    this.show(this.watts, this.parts);
  }

  /** ``watts`` > 0 runs from the node to the hub, < 0 the other way. ``parts``: {source: watts}, which colours the dots. */
  show(watts, parts) {
    this.watts = watts;
    this.parts = parts;
    if (!this.length) return;
    const direction = watts === null || Math.abs(watts) < IDLE_WATTS || still.matches ? 0 : Math.sign(watts);
    if (direction !== this.direction) this.turn(direction);
    if (!direction) return;
    const rate = (speed(watts) * this.scale) / this.length; // trips a second
    if (!this.rate || Math.abs(rate - this.rate) > this.rate * 0.04) {
      this.rate = rate;
      this.animation.updatePlaybackRate(rate);
    }
    const seats = mix(parts, this.count);
    if (seats.join() !== this.key) {
      this.key = seats.join();
      this.dots.forEach((dot, index) => {
        dot.className = seats[index % this.count];
      });
    }
  }

  turn(direction) {
    this.animation?.cancel();
    this.animation = null;
    this.direction = direction;
    this.rate = 0;
    this.box.classList.toggle("running", direction !== 0);
    if (!direction) return;
    const ends = [`translate${this.upright ? "Y" : "X"}(${-this.length}px)`, "translate(0)"];
    if (direction * this.forward < 0) ends.reverse();
    this.animation = this.belt.animate(
      ends.map((transform) => ({ transform })),
      { duration: 1000, iterations: Infinity },
    );
  }
}

/** Which colour each of ``count`` dots has when the power comes from several sources, in proportion, well mixed. */
export function mix(parts, count) {
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
