// The moving dots. Each is an HTML element moved by one compositor animation (a transform between two points); a change
// of power only changes the playback rate, so nothing is laid out, painted or restarted from one second to the next.
import { h } from "../core/dom.js";

const COUNT = 4;
const BASE_SECONDS = 1; // playback rate 1 = one trip a second; the rate makes the speed
const IDLE_WATTS = 15;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Speed in drawing units a second: grows with the root of the power, so that 200 W and 20 kW both look right. */
export const speed = (watts) => 34 + 46 * Math.sqrt(Math.min(Math.abs(watts), 30_000) / 1000);

export class Dots {
  constructor(parent) {
    this.box = h("span.dots");
    this.dots = Array.from({ length: COUNT }, () => h("i"));
    this.box.append(...this.dots);
    parent.append(this.box);
    this.animations = [];
    this.direction = 0;
    this.watts = null;
  }

  /** The line the dots run on; ``spoke`` as from layout.js. */
  place(spoke) {
    this.spoke = spoke;
    this.direction = 0;
    this.show(this.watts, this.colours);
  }

  /** ``watts`` > 0 runs from the node to the hub, < 0 the other way. ``colours``: one CSS variable name a dot. */
  show(watts, colours) {
    this.watts = watts;
    this.colours = colours;
    if (!this.spoke) return;
    const direction = watts === null || Math.abs(watts) < IDLE_WATTS || still.matches ? 0 : Math.sign(watts);
    if (direction !== this.direction) this.turn(direction);
    if (!direction) return;
    const rate = (speed(watts) / this.spoke.length) * BASE_SECONDS;
    if (Math.abs(rate - this.rate) > this.rate * 0.04 || !this.rate) {
      this.rate = rate;
      for (const one of this.animations) one.updatePlaybackRate(rate);
    }
    const key = colours.join();
    if (key !== this.colourKey) {
      this.colourKey = key;
      this.dots.forEach((dot, index) => { dot.className = colours[index % colours.length]; });
    }
  }

  turn(direction) {
    for (const one of this.animations) one.cancel();
    this.animations = [];
    this.direction = direction;
    this.rate = 0;
    this.box.classList.toggle("running", direction !== 0);
    if (!direction) return;
    const [from, to] = direction > 0 ? [this.spoke.from, this.spoke.to] : [this.spoke.to, this.spoke.from];
    const at = (share) => `translate(${(from.x + (to.x - from.x) * share).toFixed(1)}px, ${(from.y + (to.y - from.y) * share).toFixed(1)}px)`;
    const frames = [
      { transform: `${at(0)} scale(.3)`, opacity: 0 },
      { transform: `${at(0.16)} scale(1)`, opacity: 1, offset: 0.16 },
      { transform: `${at(0.84)} scale(1)`, opacity: 1, offset: 0.84 },
      { transform: `${at(1)} scale(.3)`, opacity: 0 },
    ];
    this.animations = this.dots.map((dot, index) =>
      dot.animate(frames, { duration: BASE_SECONDS * 1000, iterations: Infinity, iterationStart: index / COUNT }));
  }
}

/** Which colour each dot has when the power comes from several sources, in proportion. */
export function mix(parts) {
  const all = Object.entries(parts).filter(([, watts]) => watts > 0);
  const total = all.reduce((sum, [, watts]) => sum + watts, 0);
  if (!total) return ["home"];
  const seats = all.map(([name, watts]) => ({ name, seats: Math.floor((watts / total) * COUNT), rest: ((watts / total) * COUNT) % 1 }));
  let free = COUNT - seats.reduce((sum, one) => sum + one.seats, 0);
  for (const one of [...seats].sort((a, b) => b.rest - a.rest)) if (free-- > 0) one.seats += 1;
  return seats.flatMap(({ name, seats: many }) => Array(many).fill(name));
}
