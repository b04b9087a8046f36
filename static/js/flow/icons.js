// Our own icons, drawn around (0, 0) in a field of about 48 units.
import { s } from "../core/dom.js";

const THIN = 30; // a case of less than this has a thinner wall

/** @param {string} d @param {import("../core/dom.js").Attributes} attributes */
const path = (d, attributes = {}) => s("path", { d, ...attributes });

export function sun() {
  const rays = Array.from({ length: 8 }, (_, index) => {
    const turn = (index * Math.PI) / 4;
    /** @param {number} radius */
    const point = (radius) => `${(Math.cos(turn) * radius).toFixed(2)} ${(Math.sin(turn) * radius).toFixed(2)}`;
    return `M${point(17)}L${point(23)}`;
  });
  const moon = path("M7-17A17.5 17.5 0 1 0 17 8A14.5 14.5 0 0 1 7-17Z", { class: "moon" });
  return s("g.icon.icon-sun", {}, s("circle", { r: 11 }), path(rays.join(""), { class: "rays" }), moon);
}

export function house() {
  const roof = path("M-23 0L0-21L23 0");
  const door = path("M-6 20V6H6V20", { class: "door" });
  return s("g.icon.icon-house", {}, roof, path("M-17-5V20H17V-5"), door, path("M12-10V-19H17V-5.5"));
}

export function pylon() {
  const legs = path("M-12 23L-4-23H4L12 23");
  const braces = path("M-9.5 8L8-1M9.5 8L-8-1M-12 23L9 8M12 23L-9 8");
  const insulators = path("M-19-9V-5M19-9V-5M-15-1V3M15-1V3");
  return s("g.icon.icon-pylon", {}, legs, path("M-19-9H19M-15-1H15"), braces, insulators);
}

export function bolt() {
  return path("M2-11L-7 2H-1L-2 11L7-2H1Z", { class: "bolt" });
}

/**
 * Draw a unit on the wall: a case, and inside it a fill that a transform moves up and down.
 * @param {number} width
 * @param {number} height
 * @param {string} id of the clip path, unlike any other of the page
 */
export function unit(width, height, id) {
  const wall = width < THIN ? 2 : 4;
  const radius = Math.min(10, width / 3);
  const inner = { x: -width / 2 + wall, y: -height / 2 + 4, width: width - 2 * wall, height: height - 8 };
  const fill = { x: -width / 2, y: -height / 2 + 4, width, height: height - 8 };
  return s(
    "g.unit",
    {},
    s("clipPath", { id }, s("rect", { ...inner, rx: radius * 0.6 })),
    s("rect.unit-case", { x: -width / 2, y: -height / 2, width, height, rx: radius }),
    s("g", { "clip-path": `url(#${id})` }, s("rect.unit-fill", fill)),
    s("path.unit-mark", { d: `M${-width / 4} ${-height / 2 - 5}H${width / 4}` }),
  );
}
