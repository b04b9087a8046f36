// Our own icons, drawn around (0, 0) in a field of about 48 units.
import { s } from "../core/dom.js";

const path = (d, more = {}) => s("path", { d, ...more });

export function sun() {
  const rays = Array.from({ length: 8 }, (_, index) => {
    const turn = (index * Math.PI) / 4;
    const point = (r) => `${(Math.cos(turn) * r).toFixed(2)} ${(Math.sin(turn) * r).toFixed(2)}`;
    return `M${point(17)}L${point(23)}`;
  });
  return s(
    "g.icon.icon-sun",
    {},
    s("circle", { r: 11 }),
    path(rays.join(""), { class: "rays" }),
    path("M7-17A17.5 17.5 0 1 0 17 8A14.5 14.5 0 0 1 7-17Z", { class: "moon" }),
  );
}

export function house() {
  return s(
    "g.icon.icon-house",
    {},
    path("M-23 0L0-21L23 0"),
    path("M-17-5V20H17V-5"),
    path("M-6 20V6H6V20", { class: "door" }),
    path("M12-10V-19H17V-5.5"),
  );
}

export function pylon() {
  return s(
    "g.icon.icon-pylon",
    {},
    path("M-12 23L-4-23H4L12 23"),
    path("M-19-9H19M-15-1H15"),
    path("M-9.5 8L8-1M9.5 8L-8-1M-12 23L9 8M12 23L-9 8"),
    path("M-19-9V-5M19-9V-5M-15-1V3M15-1V3"),
  );
}

/** A unit on the wall: case, and inside it a fill that is moved up and down by a transform. */
export function unit(width, height, id) {
  return s(
    "g.unit",
    {},
    s(
      "clipPath",
      { id },
      s("rect", { x: -width / 2 + 4, y: -height / 2 + 4, width: width - 8, height: height - 8, rx: 6 }),
    ),
    s("rect.unit-case", { x: -width / 2, y: -height / 2, width, height, rx: 10 }),
    s(
      "g",
      { "clip-path": `url(#${id})` },
      s("rect.unit-fill", { x: -width / 2, y: -height / 2 + 4, width, height: height - 8 }),
    ),
    s("path.unit-mark", { d: `M${-width / 4} ${-height / 2 - 5}H${width / 4}` }),
  );
}

export function bolt() {
  return path("M2-11L-7 2H-1L-2 11L7-2H1Z", { class: "bolt" });
}
