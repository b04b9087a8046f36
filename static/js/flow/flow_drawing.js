// The power flow drawing: sun, grid, home and Powerwalls around the gateway. Sized by its frame.
import { attribute, drawnFigure, h, keyed, property, s, text } from "../core/dom.js";
import { DASH, IDLE_WATTS, known, number, percent, power, powerParts } from "../core/format.js";
import { furtherMeters, nameOf } from "../core/subject.js";
import { Dots } from "./dots.js";
import { bolt, house, pylon, sun, unit } from "./icons.js";
import { HUB, layout, RADIUS, spoke } from "./layout.js";

const MOST_UNITS = 5;
const MOST_FURTHER = 3; // meters beyond the four
// The members of the document's ``flows`` that end at a node, by where they come from.
const ENDS = {
  home: { solar: "solar_to_home_watts", battery: "battery_to_home_watts", grid: "grid_to_home_watts" },
  battery: { solar: "solar_to_battery_watts", grid: "grid_to_battery_watts" },
  grid: { solar: "solar_to_grid_watts", battery: "battery_to_grid_watts" },
};
const UNIT_ROOM = 176;
let serial = 0;

export class FlowDrawing {
  /** ``root``: an element that has a size of its own. */
  constructor(root) {
    this.id = `flow${++serial}`;
    this.root = root;
    root.classList.add("flow");
    this.lines = {};
    this.hasBattery = true; // until it is known that there is none
    this.svg = s("svg.flow-drawing", { role: "group", "aria-label": "Figures", focusable: "false" });
    this.dotsBox = h("div.flow-dots", { "aria-hidden": "true" });
    this.spoken = h("p.unseen");
    this.build();
    root.append(this.svg, this.dotsBox, this.spoken);
    this.dots = Object.fromEntries(["solar", "grid", "home", "battery"].map((name) => [name, new Dots(this.dotsBox)]));
    new ResizeObserver(() => this.resize()).observe(root);
    this.resize();
  }

  build() {
    for (const name of ["solar", "grid", "home", "battery"]) {
      this.lines[name] = s(`line.line.${name}`);
      this.svg.append(this.lines[name]);
    }
    this.breaker = s(
      "g.breaker",
      {},
      s("rect", { x: -19, y: -19, width: 38, height: 38, rx: 19 }),
      s("path", { d: "M-7-7L7 7M7-7L-7 7" }),
    );
    this.hub = s("g.hub", {}, s("circle", { r: HUB }), bolt());
    this.nodes = {
      solar: this.node("solar", "Solar", sun()),
      grid: this.node("grid", "Grid", pylon()),
      home: this.node("home", "Home", house()),
      battery: this.batteryNode(),
    };
    this.ring = ["solar", "battery", "grid"].map((name) =>
      s(`circle.ring.${name}`, { r: RADIUS, pathLength: 100, transform: "rotate(-90)" }),
    );
    this.nodes.home.group.insertBefore(s("g.rings", {}, ...this.ring), this.nodes.home.group.children[1]);
    this.further = s("g.further");
    this.svg.append(this.breaker, this.hub, this.further, ...Object.values(this.nodes).map((node) => node.group));
  }

  node(name, label, icon) {
    const value = s("tspan.value"),
      unitText = s("tspan.unit-text", { dx: 5 });
    const title = s("text.label", { "text-anchor": "middle", "aria-hidden": "true" }, label);
    const note = s("text.note", { "text-anchor": "middle", "aria-hidden": "true" });
    icon.setAttribute("transform", "translate(0,-26) scale(1.06)");
    const group = s(
      `g.node.${name}`,
      {},
      s("circle.disc", { r: RADIUS }),
      icon,
      s("text.figure", { y: 34, "text-anchor": "middle" }, value, unitText),
      title,
      note,
    );
    return { group, value, unit: unitText, title, note };
  }

  batteryNode() {
    const units = s("g.units");
    const level = s("text.level", {}),
      title = s("text.label", { "aria-hidden": "true" }, "Powerwall"),
      note = s("text.note", { "aria-hidden": "true" });
    const figure = s("tspan.value"),
      unitText = s("tspan.unit-text", { dx: 5 });
    const power = s("text.figure.small", {}, figure, unitText);
    const group = s("g.node.battery", {}, s("rect.plinth", { rx: 26 }), units, title, level, power, note);
    return { group, units, level, title, note, value: figure, unit: unitText, power };
  }

  resize() {
    const width = this.root.clientWidth,
      height = this.root.clientHeight;
    const seen = `${width} ${height} ${this.hasBattery}`;
    if (!width || !height || seen === this.seen) return;
    this.seen = seen;
    const map = layout(width, height, this.hasBattery);
    this.map = map;
    attribute(this.svg, "viewBox", `0 0 ${map.width} ${map.height}`);
    const dx = (width - map.width * map.scale) / 2,
      dy = (height - map.height * map.scale) / 2;
    const pixel = ({ x, y }) => ({ x: dx + x * map.scale, y: dy + y * map.scale });
    for (const name of ["solar", "grid", "home", "battery"]) {
      const track = spoke(map[name], map.hub);
      const line = this.lines[name];
      for (const [key, value] of Object.entries({ x1: track.from.x, y1: track.from.y, x2: track.to.x, y2: track.to.y }))
        attribute(line, key, value);
      this.dots[name].place(pixel(track.from), pixel(track.to), map.scale);
      attribute(this.nodes[name].group, "transform", `translate(${map[name].x},${map[name].y})`);
    }
    attribute(this.hub, "transform", `translate(${map.hub.x},${map.hub.y})`);
    attribute(this.breaker, "transform", `translate(${(map.grid.x + RADIUS + map.hub.x - HUB) / 2},${map.hub.y})`);
    attribute(this.further, "transform", `translate(${map.grid.x - RADIUS},${map.battery.y - 24})`);
    this.words(map);
  }

  /** Titles beside the upper and lower node, below the left and right ones. */
  words(map) {
    const beside = RADIUS + 20;
    for (const name of ["solar"]) {
      const { title, note } = this.nodes[name];
      for (const [one, y] of [
        [title, -4],
        [note, 24],
      ]) {
        attribute(one, "x", beside);
        attribute(one, "y", y);
        attribute(one, "text-anchor", "start");
      }
    }
    for (const name of ["grid", "home"]) {
      const { title, note } = this.nodes[name];
      attribute(title, "y", RADIUS + 34);
      attribute(note, "y", RADIUS + 60);
    }
    this.map = map;
    this.placeUnits();
  }

  placeUnits() {
    const { units, title, level, power, note, group } = this.nodes.battery;
    const count = Math.max(1, Math.min(MOST_UNITS, this.unitCount || 1));
    const width = Math.min(74, (UNIT_ROOM - (count - 1) * 8) / count);
    const all = count * width + (count - 1) * 8;
    const tall = 118;
    const plinth = group.querySelector(".plinth");
    for (const [key, value] of Object.entries({ x: -all / 2 - 16, y: -RADIUS, width: all + 32, height: 2 * RADIUS }))
      attribute(plinth, key, value);
    if (units.children.length !== count || this.unitWidth !== width) {
      units.replaceChildren(...Array.from({ length: count }, (_, index) => unit(width, tall, `${this.id}u${index}`)));
      this.unitWidth = width;
    }
    for (const [index, one] of [...units.children].entries())
      attribute(one, "transform", `translate(${-all / 2 + width / 2 + index * (width + 8)},6)`);
    const x = all / 2 + 36;
    for (const [one, y] of [
      [title, -40],
      [level, 10],
      [power, 45],
      [note, 72],
    ]) {
      attribute(one, "x", x);
      attribute(one, "y", y);
    }
  }

  /** Show a house or the site (see core/subject.js); null: nothing known. Faded: old figures, and old power does not flow. */
  show(subject, { faded = false } = {}) {
    const has = (value) => known(value);
    const {
      solar_watts: solar,
      home_watts: home,
      grid_watts: grid,
      battery_watts: battery,
      charge_percent: charge,
    } = subject ?? {};
    const off = subject?.grid_state === "DOWN",
      syncing = subject?.grid_state === "SYNCING"; // MIXED: most flows go on
    const hasBattery = subject?.has_battery ?? this.hasBattery;
    const hasSolar = subject?.has_solar ?? true;
    if (hasBattery !== this.hasBattery) {
      this.hasBattery = hasBattery;
      this.resize();
    }
    const root = this.root.classList;
    root.toggle("faded", faded);
    root.toggle("off-grid", off);
    root.toggle("syncing", syncing);
    root.toggle("no-battery", !hasBattery);
    root.toggle("no-solar", !hasSolar);
    root.toggle("night", has(solar) && solar < IDLE_WATTS);
    const parts = endsOf(subject?.flows);
    this.figure("solar", solar, true);
    this.figure("grid", grid);
    this.figure("home", home, true);
    this.figure("battery", battery);
    const n = this.nodes;
    text(n.solar.note, state(solar, "Producing", "", "Idle"));
    text(
      n.grid.note,
      off
        ? "Off grid"
        : syncing
          ? "Reconnecting"
          : state(grid, "Importing", "Exporting", subject?.grid_state === "UP" ? "Connected" : "Idle"),
    );
    text(
      n.home.note,
      has(subject?.own_power_percent) && home > IDLE_WATTS ? `${percent(subject.own_power_percent)} own power` : "",
    );
    text(n.battery.note, hasBattery ? state(battery, "Discharging", "Charging", "Standby") : "");
    text(n.battery.level, percent(charge));
    const count = subject?.unit_count ?? 0;
    text(n.battery.title, count > 1 ? `${number(count)} Powerwalls` : "Powerwall");
    if (count !== this.unitCount) {
      this.unitCount = count;
      this.placeUnits();
    }
    this.fill(subject);
    this.rings(parts, home);
    this.meters(furtherMeters(subject), subject);
    this.origins(subject);
    this.flows(faded ? null : subject, parts);
    text(this.spoken, sentence(subject, { off, syncing, faded }));
  }

  /** Which number of the site document each figure is. */
  origins(subject) {
    const id = subject?.id ?? "";
    const name = (own) => (subject && !subject.unknown ? nameOf(subject, own) : null);
    for (const [node, label] of Object.entries({ solar: "Solar", grid: "Grid", home: "Home", battery: "Battery" })) {
      const { group, value, unit: unitText } = this.nodes[node],
        own = name(`${node}_watts`);
      drawnFigure(value.parentNode, `${label} ${value.textContent}${unitText.textContent}`, own, id);
      attribute(group, "data-name", own); // the whole node can be clicked
      attribute(group, "data-gateway", own && id);
    }
    const { level } = this.nodes.battery;
    drawnFigure(level, `Charge ${level.textContent}`, name("charge_percent"), id);
  }

  /** Meters beyond the four, a generator for instance: in words, with the power as the gateway signs it. */
  meters(list, subject) {
    const rows = list.slice(0, MOST_FURTHER);
    keyed(
      this.further,
      rows.map(([name]) => name),
      (name) => s("text.note", {}, s("tspan.label", {}, furtherName(name)), s("tspan", { dx: 10 })),
    ).forEach((row, index) => {
      attribute(row, "y", index * 28);
      const [name, watts] = rows[index];
      text(row.lastChild, power(watts));
      drawnFigure(row, row.textContent, nameOf(subject, `meters.${name}.watts`), subject.id);
    });
  }

  /** ``signed``: the sign is shown, because no word beside the figure tells the direction. */
  figure(name, watts, signed = false) {
    const node = this.nodes[name];
    const [value, unitText] = powerParts(known(watts) && !signed ? Math.abs(watts) : watts);
    text(node.value, value);
    text(node.unit, unitText);
    node.group.classList.toggle("unknown", !known(watts));
    node.group.classList.toggle("active", known(watts) && Math.abs(watts) >= IDLE_WATTS);
  }

  fill(subject) {
    const levels = subject?.units_percent ?? [];
    const own = this.unitCount <= MOST_UNITS && levels.some(known); // what one unit holds is not what all hold
    [...this.nodes.battery.units.children].forEach((one, index) => {
      const level = own ? levels[index] : subject?.charge_percent;
      one.classList.toggle("unknown", !known(level));
      const fill = one.querySelector(".unit-fill");
      property(fill, "transform", `translateY(${known(level) ? (110 * (1 - level / 100)).toFixed(1) : 110}px)`);
      one.classList.toggle("low", known(level) && level < 15);
    });
  }

  rings(parts, home) {
    let start = 0;
    this.ring.forEach((circle, index) => {
      const name = ["solar", "battery", "grid"][index];
      const share = parts && home > IDLE_WATTS ? Math.min(100 - start, (parts.home[name] / home) * 100) : 0;
      attribute(circle, "stroke-dasharray", share >= 0.5 ? `${share.toFixed(1)} ${(100 - share).toFixed(1)}` : null);
      attribute(circle, "visibility", share >= 0.5 ? "visible" : "hidden");
      attribute(circle, "stroke-dashoffset", (-start).toFixed(1));
      start += share;
    });
  }

  flows(subject, parts) {
    const off = subject?.grid_state === "DOWN";
    const watts = {
      solar: subject?.solar_watts ?? null,
      grid: off ? null : (subject?.grid_watts ?? null),
      battery: subject?.battery_watts ?? null,
      home: known(subject?.home_watts) ? -subject.home_watts : null,
    };
    for (const [name, value] of Object.entries(watts)) {
      const away = known(value) && value < 0;
      const from = away && Object.values(parts?.[name] ?? {}).some((one) => one > 0) ? parts[name] : { [name]: 1 };
      this.dots[name].show(value, from);
      const size =
        !known(value) || Math.abs(value) < IDLE_WATTS ? 0 : Math.abs(value) < 1500 ? 1 : Math.abs(value) < 5000 ? 2 : 3;
      attribute(this.lines[name], "data-size", size);
      attribute(this.lines[name], "data-colour", away ? dominant(parts?.[name], name) : name);
    }
  }
}

const dominant = (parts, otherwise) =>
  Object.entries(parts ?? {})
    .sort(([, a], [, b]) => b - a)
    .find(([, watts]) => watts > 0)?.[0] ?? otherwise;

const state = (watts, plus, minus, idle) =>
  !known(watts) ? "" : watts >= IDLE_WATTS ? plus : watts <= -IDLE_WATTS ? minus || idle : idle;

/** The document's flows by the node at which they end; null when it is not known where the power goes. */
const endsOf = (flows) =>
  !flows || Object.values(flows).some((watts) => !known(watts))
    ? null
    : Object.fromEntries(
        Object.entries(ENDS).map(([end, from]) => [
          end,
          Object.fromEntries(Object.entries(from).map(([name, member]) => [name, flows[member]])),
        ]),
      );

const furtherName = (name) => `${name[0].toUpperCase()}${name.slice(1).replaceAll("_", " ")}`;

/** The whole drawing in one sentence, for those who hear it. */
function sentence(subject, { off, syncing, faded }) {
  if (!subject?.known) return "No data from the gateway.";
  const {
    solar_watts: solar,
    home_watts: home,
    grid_watts: exchanged,
    battery_watts: drawn,
    charge_percent: charge,
  } = subject;
  const grid = off
    ? "Off grid"
    : syncing
      ? "Reconnecting to the grid"
      : !known(exchanged)
        ? "Grid unknown"
        : exchanged >= IDLE_WATTS
          ? `Importing ${power(exchanged)}`
          : exchanged <= -IDLE_WATTS
            ? `Exporting ${power(-exchanged)}`
            : "No exchange with the grid";
  const battery = !known(drawn)
    ? "Battery unknown"
    : drawn >= IDLE_WATTS
      ? `Battery discharging ${power(drawn)}`
      : drawn <= -IDLE_WATTS
        ? `Battery charging ${power(-drawn)}`
        : "Battery on standby";
  const level = known(charge) ? ` at ${percent(charge)}` : "";
  const further = furtherMeters(subject)
    .map(([name, watts]) => ` ${furtherName(name)} ${power(watts)}.`)
    .join("");
  const old = faded ? " These figures are old." : "";
  return `Solar ${known(solar) ? power(solar) : DASH}. Home ${known(home) ? power(home) : DASH}. ${grid}. ${battery}${level}.${further}${old}`;
}
