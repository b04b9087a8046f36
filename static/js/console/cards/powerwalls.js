// Each unit with its charge, power, temperatures, fans and versions.
import { figures, h, keyed, property, text } from "../../core/dom.js";
import {
  DASH,
  dateOf,
  energy,
  IDLE_WATTS,
  known,
  longDay,
  number,
  percent,
  power,
  span,
  temperature,
  withUnit,
} from "../../core/format.js";
import { SCALE } from "../../core/labels.js";
import { unreadWords } from "../../core/sentences.js";
import { say, translated, unmarked } from "../../core/texts.js";
import { factList } from "../fact_list.js";
import { FoldedList } from "../folded_list.js";

/**
 * @import { Piece } from "../../core/dom.js"
 * @typedef {SiteHouse["units"][string]} Unit
 * @typedef {(member: keyof Unit, write: (value: number) => string) => Piece[]} PieceOf
 */

const MOST_SHOWN = 6; // of several houses together, while none of them is in trouble
const ROWS = /** @type {const} */ ([
  "energy",
  "health",
  "power",
  "voltage",
  "temperature",
  "fans",
  "state",
  "part",
  "serial",
  "expansionOf",
]);
const ALWAYS = ["energy", "power", "temperature"];

function unitBox() {
  const gauge = h("div.gauge", { "aria-hidden": "true" }, h("i"));
  const title = h("h3");
  const kind = h("p.kind");
  const { list, cells } = factList(ROWS, (name) => say(`units.${name}`));
  return { element: h("article.unit-box", {}, gauge, title, kind, list), gauge, title, kind, cells };
}

/** @type {Card["create"]} */
export function powerwalls(card, app, hint) {
  const list = h("div.units-list");
  const none = h("p.none");
  const service = h("p.service");
  /** @type {FoldedList<{house: SiteHouse, position: string}>} */
  const fold = new FoldedList(
    MOST_SHOWN,
    ({ house, position }) => (house.units[position].state ?? "present") !== "present",
    () => live.update?.(app),
  );
  card.append(list, fold.button, none, service);
  /** @type {LiveCard} */
  const live = {
    live: true,
    update({ shown, houses }) {
      const several = houses.length > 1;
      const every = houses.flatMap((house) => Object.keys(house.units).map((position) => ({ house, position })));
      const all = several ? fold.shown(every) : fold.unfolded(every);
      const keys = all.map(({ house, position }) => `${house.id}/${house.units[position].serial}`);
      for (const [index, box] of keyed(list, keys, unitBox).entries()) {
        const { house, position } = all[index];
        show(box, house, position, several);
      }
      none.hidden = all.length > 0;
      text(none, noneWords(houses));
      const firmware = several ? null : houses[0]?.connection.firmware;
      text(service, several || !houses[0] ? "" : serviceWords(houses[0].connection));
      const capacity = known(shown?.capacity_wh) ? say("units.inAll", { energy: energy(shown.capacity_wh) }) : "";
      hint(
        [firmware ? say("units.firmware", { version: firmware.split(" ")[0] }) : "", capacity, SCALE]
          .filter(Boolean)
          .join(" · "),
      );
    },
  };
  return live;
}

/**
 * Say since when the batteries are in service and the gateway runs, as far as it tells.
 * @param {SiteHouse["connection"]} connection
 */
function serviceWords({ commissioned, uptime }) {
  const day = /^\d{4}-\d\d-\d\d/.exec(commissioned ?? "")?.[0];
  const [, hours, minutes] = /^(?:(\d+)h)?(?:(\d+)m)?/.exec(uptime ?? "") ?? [];
  const seconds = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60;
  const since = day ? say("units.commissioned", { day: longDay(dateOf(day)) }) : "";
  return [since, seconds ? say("units.running", { time: span(seconds) }) : ""].filter(Boolean).join(" · ");
}

/**
 * @param {ReturnType<typeof unitBox>} box
 * @param {SiteHouse} house
 * @param {string} position
 * @param {boolean} several
 */
function show(box, house, position, several) {
  const unit = house.units[position];
  property(box.gauge, "--level", unit.charge_percent ?? 0);
  const charge = /** @type {Piece} */ ([percent(unit.charge_percent), `units.${position}.charge_percent`]);
  figures(box.title, [`${titleOf(unit)} · `, charge], house.id);
  text(box.kind, [typeInWords(unit.type) || "Powerwall", several && house.name].filter(Boolean).join(" · "));
  const values = rowsOf(house, position);
  for (const [name, { term, value }] of box.cells) {
    const shown = values[name] ?? null;
    term.hidden = value.hidden = shown === null && !ALWAYS.includes(name);
    figures(value, typeof shown === "string" ? [shown] : (shown ?? [DASH]), house.id);
  }
}

/**
 * Return each row as its pieces; null where nothing is known.
 * @param {SiteHouse} house
 * @param {string} position
 * @returns {Record<typeof ROWS[number], Piece[] | string | null | undefined>}
 */
function rowsOf(house, position) {
  const unit = house.units[position];
  /** @type {PieceOf} */
  const piece = (member, write) => {
    const value = unit[member];
    return known(value) ? [[write(value), `units.${position}.${member}`]] : [];
  };
  /** @param {keyof Unit} member @returns {Piece[]} */
  const energyOf = (member) => {
    const value = unit[member];
    return [[known(value) ? energy(value) : DASH, `units.${position}.${member}`]];
  };
  const leader = Object.values(house.units).find((other) => unit.leader && other.serial === unit.leader);
  const hasEnergy = known(unit.remaining_wh) || known(unit.capacity_wh);
  const fans = /** @type {const} */ (["fan_a_rpm", "fan_b_rpm", "fan_rpm"]);
  const speeds = joined(" · ", ...fans.map((member) => piece(member, (value) => number(value))));
  const age = known(unit.age_seconds) ? say("units.old", { age: span(unit.age_seconds) }) : null;
  return {
    energy: hasEnergy ? joined(` ${say("units.of")} `, energyOf("remaining_wh"), energyOf("capacity_wh")) : null,
    health: joined(
      "",
      piece("health_percent", (value) => say("units.nameplate", { percent: percent(value) })),
    ),
    power: powerOf(unit.watts, piece),
    voltage: joined(
      " · ",
      piece("volts", (value) => withUnit(value, "V", 1)),
      piece("hertz", (value) => withUnit(value, "Hz", 2)),
    ),
    temperature: temperatures(piece),
    fans: speeds && [...speeds, "\u202frpm"],
    state: unit.state === "present" ? age : translated(unit.state ?? "") || null,
    part: unit.part,
    serial: unit.serial,
    expansionOf: leader ? titleOf(leader) : null,
  };
}

/** @param {number | null | undefined} watts @param {PieceOf} piece */
function powerOf(watts, piece) {
  if (!known(watts)) return null;
  const way = watts < -IDLE_WATTS ? say("units.charging") : watts > IDLE_WATTS ? say("units.discharging") : "";
  return [way && `${way} `, ...piece("watts", () => power(Math.abs(watts)))];
}

/** @param {PieceOf} piece */
function temperatures(piece) {
  /** @param {keyof Unit} member */
  const degrees = (member) => piece(member, (value) => temperature(value));
  const pack = joined(` ${say("units.to")} `, degrees("pack_min_celsius"), degrees("pack_max_celsius"));
  const inverter = degrees("inverter_celsius");
  return joined(
    ", ",
    pack ?? degrees("controller_celsius"),
    inverter.length ? [`${say("units.inverter")} `, ...inverter] : [],
  );
}

/**
 * Join the groups that hold something with words between them; null when none does.
 * @param {string} between
 * @param {Piece[][]} groups
 */
function joined(between, ...groups) {
  const full = groups.filter((group) => group.length);
  return full.length ? full.flatMap((group, index) => (index ? [between, ...group] : group)) : null;
}

/** Write a label: "PW1" is Powerwall 1, "PW1 Exp 2" Powerwall 1 expansion 2. @param {Unit} unit */
const titleOf = (unit) => unit.label.replace("PW", "Powerwall ").replace("Exp", say("units.expansion"));

/** Write a type: "Powerwall3Expansion" is Powerwall 3 Expansion. @param {string | null} type */
const typeInWords = (type) => unmarked(translated((type ?? "").replace(/[a-z](?=[A-Z0-9])|[0-9](?=[A-Z])/g, "$& ")));

/** Say why there is no unit to show. @param {SiteHouse[]} houses */
function noneWords(houses) {
  if (houses.some((house) => house.has_battery === false)) return say("units.none");
  return unreadWords(houses);
}
