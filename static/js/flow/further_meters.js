// Meters beyond the four, a generator for instance: small nodes in the corners on the left, with lines to the hub.
import { attributes, drawnFigure, keyed, s, text } from "../core/dom.js";
import { powerParts } from "../core/format.js";
import { meterName } from "../core/labels.js";
import { furtherMeters, nameOf } from "../core/subject.js";
import { SMALL_RADIUS, spoke } from "./layout.js";

/**
 * @import { Subject } from "../core/subject.js"
 * @import { Layout } from "./layout.js"
 */

const MOST_METERS = 3;
const LINE_HEIGHT = 24;

/** One meter: a line, a disc with the power as the gateway signs it, and the name below. @param {string} name */
function meterNode(name) {
  const line = s("line.line.further-line", { "data-size": 1 });
  const disc = s("circle.disc", { r: SMALL_RADIUS });
  const label = s("text.note", { "text-anchor": "middle" }, meterName(name));
  const value = s("tspan");
  const unit = s("tspan.unit-text");
  const figure = s("text.figure.smallest", { "text-anchor": "middle" }, value, unit);
  const group = s("g", {}, disc, label, figure);
  return { element: s("g.further-node", {}, line, group), group, line, disc, label, figure, value, unit };
}

export class FurtherMeters {
  element = s("g.further");
  /** @type {Layout | null} */
  map = null;
  /** @type {ReturnType<typeof meterNode>[]} */
  nodes = [];

  /** Put the nodes where the drawing has room for them. @param {Layout} map */
  place(map) {
    this.map = map;
    const { corners, hub } = map;
    for (const [index, { group, line, disc, label, figure }] of this.nodes.entries()) {
      const corner = corners[Math.min(index, corners.length - 1)];
      // Where the corners are taken, the next meter is a line of text below the last of them.
      const below = index - corners.length + 1;
      const alone = below <= 0;
      const { from, to } = spoke(corner, hub, SMALL_RADIUS);
      attributes(line, { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
      for (const one of [line, disc]) attributes(one, { visibility: alone ? null : "hidden" });
      const first = SMALL_RADIUS + LINE_HEIGHT;
      attributes(label, { y: alone ? first : first + (2 * below - 1) * LINE_HEIGHT });
      attributes(figure, { y: alone ? 7 : first + 2 * below * LINE_HEIGHT });
      attributes(group, { transform: `translate(${corner.x},${corner.y})` });
    }
  }

  /** Show those that are not at rest. @param {Subject | null} subject */
  show(subject) {
    const meters = new Map(furtherMeters(subject).slice(0, MOST_METERS));
    const names = [...meters.keys()];
    this.nodes = keyed(this.element, names, meterNode);
    for (const [index, name] of names.entries()) {
      const { group, label, figure } = this.nodes[index];
      const [value, unit] = powerParts(meters.get(name));
      text(this.nodes[index].value, value);
      text(this.nodes[index].unit, `\u202f${unit}`);
      drawnFigure(
        group,
        `${label.textContent} ${figure.textContent}`,
        nameOf(subject, `meters.${name}.watts`),
        subject?.id,
      );
    }
    if (this.map) this.place(this.map);
  }
}
