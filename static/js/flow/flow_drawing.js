// The power flow drawing: sun, grid, home and Powerwalls around the gateway. Sized by its frame.
import { attribute, attributes, drawnFigure, h, s, text } from "../core/dom.js";
import { IDLE_WATTS, known, percent, powerParts } from "../core/format.js";
import { nameOf } from "../core/subject.js";
import { say } from "../core/texts.js";
import { BatteryNode } from "./battery_node.js";
import { Dots } from "./dots.js";
import { mainSource, sharesByEnd } from "./flows.js";
import { FurtherMeters } from "./further_meters.js";
import { bolt, house, pylon, sun } from "./icons.js";
import { HUB_RADIUS, layout, NODE_RADIUS, NODES, spoke } from "./layout.js";
import { direction, drawingInWords, gridWords } from "./node_words.js";

/**
 * @import { Figure } from "../core/format.js"
 * @import { Subject } from "../core/subject.js"
 * @import { NodeName, Point } from "./layout.js"
 * @typedef {ReturnType<typeof sharesByEnd>} Ends
 */

const LABELS = {
  solar: say("flow.solar"),
  grid: say("flow.grid"),
  home: say("flow.home"),
  battery: say("flow.battery"),
};
const RINGS = /** @type {const} */ (["solar", "battery", "grid"]);
let drawings = 0;

/** Make something for each of the four nodes. @template T @param {(name: NodeName) => T} make */
const forEachNode = (make) => ({
  solar: make("solar"),
  grid: make("grid"),
  home: make("home"),
  battery: make("battery"),
});

/** @param {Exclude<NodeName, "battery">} name @param {SVGElement} icon */
function roundNode(name, icon) {
  const value = s("tspan.value");
  const unit = s("tspan.unit-text", { dx: 5 });
  const title = s("text.label", { "text-anchor": "middle", "aria-hidden": "true" }, LABELS[name]);
  const note = s("text.note", { "text-anchor": "middle", "aria-hidden": "true" });
  const figure = s("text.figure", { y: 34, "text-anchor": "middle" }, value, unit);
  const disc = s("circle.disc", { r: NODE_RADIUS });
  icon.setAttribute("transform", "translate(0,-26) scale(1.06)");
  return { group: s(`g.node.${name}`, {}, disc, icon, figure, title, note), disc, figure, value, unit, title, note };
}

export class FlowDrawing {
  hasBattery = true; // until it is known that there is none
  placed = "";
  svg = s("svg.flow-drawing", { role: "group", "aria-label": say("flow.figures"), focusable: "false" });
  dotsBox = h("div.flow-dots", { "aria-hidden": "true" });
  spoken = h("p.unseen");
  lines = forEachNode((name) => s(`line.line.${name}`));
  hub = s("g.hub", {}, s("circle", { r: HUB_RADIUS }), bolt());
  breaker = s(
    "g.breaker",
    {},
    s("rect", { x: -19, y: -19, width: 38, height: 38, rx: 19 }),
    s("path", { d: "M-7-7L7 7M7-7L-7 7" }),
  );
  rings = RINGS.map((name) => s(`circle.ring.${name}`, { r: NODE_RADIUS, pathLength: 100, transform: "rotate(-90)" }));
  further = new FurtherMeters();

  /** @param {HTMLElement} root an element that has a size of its own */
  constructor(root) {
    this.root = root;
    root.classList.add("flow");
    this.nodes = {
      solar: roundNode("solar", sun()),
      grid: roundNode("grid", pylon()),
      home: roundNode("home", house()),
      battery: new BatteryNode(`flow${++drawings}`),
    };
    this.nodes.home.disc.after(s("g.rings", {}, ...this.rings));
    const groups = NODES.map((name) => this.nodes[name].group);
    this.svg.append(...Object.values(this.lines), this.breaker, this.further.element, this.hub, ...groups);
    root.append(this.svg, this.dotsBox, this.spoken);
    this.dots = forEachNode(() => new Dots(this.dotsBox));
    new ResizeObserver(() => this.resize()).observe(root);
    this.resize();
  }

  /** Place everything anew when the frame has another size or the battery came or went. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.root;
    const wanted = `${width} ${height} ${this.hasBattery}`;
    if (!width || !height || wanted === this.placed) return;
    this.placed = wanted;
    const map = layout(width, height, this.hasBattery);
    attribute(this.svg, "viewBox", `0 0 ${map.width} ${map.height}`);
    const left = (width - map.width * map.scale) / 2;
    const top = (height - map.height * map.scale) / 2;
    /** @param {Point} point */
    const pixel = ({ x, y }) => ({ x: left + x * map.scale, y: top + y * map.scale });
    for (const name of NODES) {
      const { from, to } = spoke(map[name], map.hub);
      attributes(this.lines[name], { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
      this.dots[name].place(pixel(from), pixel(to), map.scale);
      attribute(this.nodes[name].group, "transform", `translate(${map[name].x},${map[name].y})`);
    }
    attribute(this.hub, "transform", `translate(${map.hub.x},${map.hub.y})`);
    const gap = (map.grid.x + NODE_RADIUS + map.hub.x - HUB_RADIUS) / 2;
    attribute(this.breaker, "transform", `translate(${gap},${map.hub.y})`);
    this.further.place(map);
    this.placeWords();
  }

  /** Put the words beside the upper node, and below the left and the right one. */
  placeWords() {
    const { solar, grid, home } = this.nodes;
    const beside = { x: NODE_RADIUS + 20, "text-anchor": "start" };
    attributes(solar.title, { ...beside, y: -4 });
    attributes(solar.note, { ...beside, y: 24 });
    for (const { title, note } of [grid, home]) {
      attribute(title, "y", NODE_RADIUS + 34);
      attribute(note, "y", NODE_RADIUS + 60);
    }
  }

  /**
   * Show a house or the sum; null: nothing is known. Faded: the figures are old, and old power does not flow.
   * @param {Subject | null} subject
   */
  show(subject, { faded = false } = {}) {
    const solar = subject?.solar_watts;
    const home = subject?.home_watts;
    const battery = subject?.battery_watts;
    const hasBattery = subject?.has_battery ?? this.hasBattery;
    if (hasBattery !== this.hasBattery) {
      this.hasBattery = hasBattery;
      this.resize();
    }
    for (const [name, on] of Object.entries({
      faded,
      "off-grid": subject?.grid_state === "DOWN", // MIXED: most flows go on
      syncing: subject?.grid_state === "SYNCING",
      "no-battery": !hasBattery,
      "no-solar": subject?.has_solar === false,
      night: known(solar) && solar < IDLE_WATTS,
    })) {
      this.root.classList.toggle(name, on);
    }
    const ends = sharesByEnd(subject);
    const { nodes } = this;
    // The sign is shown where no word beside the figure tells the direction.
    this.showFigure("solar", solar);
    this.showFigure("home", home);
    this.showFigure("grid", subject?.grid_watts, Math.abs);
    this.showFigure("battery", battery, Math.abs);
    text(nodes.solar.note, direction(solar, say("flow.producing"), say("flow.idle"), say("flow.idle")));
    text(nodes.grid.note, gridWords(subject));
    text(nodes.home.note, ownPowerWords(subject));
    text(nodes.battery.note, hasBattery ? batteryWords(battery) : "");
    nodes.battery.show(subject);
    this.showRings(ends, home);
    this.further.show(subject);
    this.nameFigures(subject);
    this.showFlows(faded ? null : subject, ends);
    text(this.spoken, drawingInWords(subject, faded));
  }

  /** Tell explain_panel.js which number of the site document each figure is. @param {Subject | null} subject */
  nameFigures(subject) {
    const id = subject?.id ?? "";
    /** @param {string} member */
    const name = (member) => (subject && !subject.unknown ? nameOf(subject, member) : null);
    for (const node of NODES) {
      const { group, figure } = this.nodes[node];
      const own = name(`${node}_watts`);
      drawnFigure(figure, `${LABELS[node]} ${figure.textContent}`, own, id);
      attributes(group, { "data-name": own, "data-gateway": own && id }); // the whole node can be clicked
    }
    const { level } = this.nodes.battery;
    drawnFigure(level, `${say("flow.charge")} ${level.textContent}`, name("charge_percent"), id);
  }

  /** @param {NodeName} name @param {Figure} watts @param {(watts: number) => number} written */
  showFigure(name, watts, written = (value) => value) {
    const node = this.nodes[name];
    const [value, unit] = powerParts(known(watts) ? written(watts) : null);
    text(node.value, value);
    text(node.unit, unit);
    node.group.classList.toggle("unknown", !known(watts));
    node.group.classList.toggle("active", known(watts) && Math.abs(watts) >= IDLE_WATTS);
  }

  /** Show around the home where its power comes from. @param {Ends} ends @param {Figure} home */
  showRings(ends, home) {
    let start = 0;
    for (const [index, ring] of this.rings.entries()) {
      const watts = ends?.home[RINGS[index]] ?? 0;
      const share = known(home) && home > IDLE_WATTS ? Math.min(100 - start, (watts / home) * 100) : 0;
      const seen = share >= 0.5;
      attributes(ring, {
        "stroke-dasharray": seen ? `${share.toFixed(1)} ${(100 - share).toFixed(1)}` : null,
        "stroke-dashoffset": (-start).toFixed(1),
        visibility: seen ? "visible" : "hidden",
      });
      start += share;
    }
  }

  /**
   * Show on the lines how much flows, in which direction and from where.
   * @param {Subject | null} subject
   * @param {Ends} ends
   */
  showFlows(subject, ends) {
    const home = subject?.home_watts;
    const watts = {
      solar: subject?.solar_watts,
      grid: subject?.grid_state === "DOWN" ? null : subject?.grid_watts,
      battery: subject?.battery_watts,
      home: known(home) ? -home : null,
    };
    for (const name of NODES) {
      const value = watts[name] ?? null;
      const size = lineSize(value);
      const fromHub = value !== null && value < 0;
      const shares = fromHub && name !== "solar" ? ends?.[name] : undefined;
      const parts = Object.values(shares ?? {}).some((one) => one > 0) ? { ...shares } : { [name]: 1 };
      this.dots[name].show(value, parts);
      attributes(this.lines[name], { "data-size": size, "data-colour": fromHub ? mainSource(shares, name) : name });
    }
  }
}

/** @param {Figure} watts */
const batteryWords = (watts) => direction(watts, say("flow.discharging"), say("flow.charging"), say("flow.standby"));

/** @param {Subject | null} subject */
function ownPowerWords(subject) {
  const { own_power_percent: own, home_watts: home } = subject ?? {};
  return known(own) && known(home) && home > IDLE_WATTS ? say("flow.ownPower", { percent: percent(own) }) : "";
}

/** Return how thick the line of this power is, 0 to 3. @param {Figure} watts */
function lineSize(watts) {
  const size = known(watts) ? Math.abs(watts) : 0;
  if (size < IDLE_WATTS) return 0;
  if (size < 1500) return 1;
  return size < 5000 ? 2 : 3;
}
