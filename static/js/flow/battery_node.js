// The battery's node: one tube for each Powerwall, and the charge of all.
import { attribute, attributes, property, s, text } from "../core/dom.js";
import { known, percent } from "../core/format.js";
import { say } from "../core/texts.js";
import { unit } from "./icons.js";
import { NODE_RADIUS } from "./layout.js";

/** @import { Subject } from "../core/subject.js" */

const MOST_TUBES = 12; // the site document has the charge of so many units of several houses
const ROOM = 176; // for all tubes
const WIDEST = 74;
const TALL = 118;
const FILL = TALL - 8; // how far the fill of an empty tube is moved down
const LOW_PERCENT = 15;

export class BatteryNode {
  units = s("g.units");
  plinth = s("rect.plinth", { rx: 26 });
  title = s("text.label", { "aria-hidden": "true" }, say("flow.powerwalls", { n: 1 }));
  level = s("text.level");
  value = s("tspan.value");
  unit = s("tspan.unit-text", { dx: 5 });
  figure = s("text.figure.small", {}, this.value, this.unit);
  note = s("text.note", { "aria-hidden": "true" });
  group = s("g.node.battery", {}, this.plinth, this.units, this.title, this.level, this.figure, this.note);

  /** @param {string} id of the drawing */
  constructor(id) {
    this.id = id;
    this.draw(1);
  }

  /** Draw so many tubes. @param {number} count */
  draw(count) {
    if (this.units.children.length === count) return;
    const gap = count > 5 ? 4 : 8;
    const width = Math.min(WIDEST, (ROOM - (count - 1) * gap) / count);
    const all = count * width + (count - 1) * gap;
    attributes(this.plinth, { x: -all / 2 - 16, y: -NODE_RADIUS, width: all + 32, height: 2 * NODE_RADIUS });
    const tubes = Array.from({ length: count }, (_, index) => {
      const tube = unit(width, TALL, `${this.id}u${index}`);
      attribute(tube, "transform", `translate(${-all / 2 + width / 2 + index * (width + gap)},6)`);
      return tube;
    });
    this.units.replaceChildren(...tubes);
    for (const [line, y] of /** @type {const} */ ([
      [this.title, -40],
      [this.level, 10],
      [this.figure, 45],
      [this.note, 72],
    ])) {
      attributes(line, { x: all / 2 + 36, y });
    }
  }

  /**
   * Show how full the units are, each by itself where that is known, and the charge of all.
   * @param {Subject | null} subject
   */
  show(subject) {
    const count = subject?.unit_count ?? 0;
    this.draw(Math.max(1, Math.min(MOST_TUBES, count)));
    text(this.title, say("flow.powerwalls", { n: Math.max(1, count) }));
    text(this.level, percent(subject?.charge_percent));
    const levels = subject?.units_percent ?? [];
    const own = count <= MOST_TUBES && levels.some(known); // what one unit holds is not what all hold
    for (const [index, tube] of [...this.units.children].entries()) {
      const level = own ? levels[index] : subject?.charge_percent;
      const down = known(level) ? FILL * (1 - level / 100) : FILL;
      const fill = /** @type {SVGRectElement} */ (tube.querySelector(".unit-fill"));
      property(fill, "transform", `translateY(${down.toFixed(known(level) ? 1 : 0)}px)`);
      tube.classList.toggle("unknown", !known(level));
      tube.classList.toggle("low", known(level) && level < LOW_PERCENT);
    }
  }
}
