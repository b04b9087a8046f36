// Each unit with its charge, power, temperatures, fans and versions.
import { figures, h, keyed, property, text } from "../../core/dom.js";
import {
  DASH,
  energy,
  IDLE_WATTS,
  known,
  number,
  percent,
  power,
  span,
  temperature,
  withUnit,
} from "../../core/format.js";
import { SCALE } from "../../core/sentences.js";

const ROWS = ["Energy", "Power", "Voltage", "Temperature", "Fans", "State", "Part", "Serial", "Expansion of"];
const ALWAYS = ["Energy", "Power", "Temperature"];

function unitBox() {
  const gauge = h("div.gauge", { "aria-hidden": "true" }, h("i"));
  const title = h("h3"),
    kind = h("p.kind"),
    facts = h("dl.facts");
  const cells = Object.fromEntries(
    ROWS.map((name) => {
      const term = h("dt", {}, name),
        value = h("dd");
      facts.append(term, value);
      return [name, { term, value }];
    }),
  );
  return Object.assign(h("article.unit-box", {}, gauge, title, kind, facts), { gauge, title_: title, kind, cells });
}

export function powerwalls(card, _app, hint) {
  const list = h("div.units-list"),
    none = h("p.none");
  card.append(list, none);
  return {
    live: true,
    update({ shown, houses }) {
      const several = houses.length > 1;
      const all = houses.flatMap((house) =>
        Object.entries(house.units).map(([position, unit]) => ({ house, position, unit })),
      );
      keyed(
        list,
        all.map(({ house, unit }) => `${house.id}/${unit.serial}`),
        unitBox,
      ).forEach((box, index) => {
        const { house, position, unit } = all[index];
        property(box.gauge, "--level", unit.charge_percent ?? 0);
        figures(
          box.title_,
          [`${nameOf(unit)} · `, [percent(unit.charge_percent), `units.${position}.charge_percent`]],
          house.id,
        );
        text(box.kind, [words(unit.type) || "Powerwall", several && house.name].filter(Boolean).join(" · "));
        const values = rowsOf(house, position);
        for (const name of ROWS) {
          const { term, value } = box.cells[name];
          term.hidden = value.hidden = values[name] === null && !ALWAYS.includes(name);
          figures(value, [values[name] ?? DASH].flat(), house.id);
        }
      });
      none.hidden = all.length > 0;
      text(none, houses.some((house) => house.has_battery === false) ? "No Powerwall here" : "Nothing known yet");
      const firmware = several ? null : houses[0]?.connection.firmware;
      hint(
        [
          firmware ? `Firmware ${firmware.split(" ")[0]}` : "",
          known(shown?.capacity_wh) ? `${energy(shown.capacity_wh)} in all` : "",
          SCALE,
        ]
          .filter(Boolean)
          .join(" · "),
      );
    },
  };
}

/** Each row as its pieces: words, and [words, name] of a number; null where nothing is known. */
function rowsOf(house, position) {
  const unit = house.units[position];
  const piece = (member, show) => (known(unit[member]) ? [[show(unit[member]), `units.${position}.${member}`]] : []);
  const leader = Object.entries(house.units).find(([, other]) => unit.leader && other.serial === unit.leader);
  const { watts } = unit;
  return {
    Energy:
      known(unit.remaining_wh) || known(unit.capacity_wh)
        ? joined(
            " of ",
            [[energy(unit.remaining_wh), `units.${position}.remaining_wh`]],
            [[energy(unit.capacity_wh), `units.${position}.capacity_wh`]],
          )
        : null,
    Power: known(watts)
      ? [
          watts < -IDLE_WATTS ? "charging " : watts > IDLE_WATTS ? "discharging " : "",
          ...piece("watts", () => power(Math.abs(watts))),
        ]
      : null,
    Voltage: joined(
      " · ",
      piece("volts", (value) => withUnit(value, "V", 1)),
      piece("hertz", (value) => withUnit(value, "Hz", 2)),
    ),
    Temperature: temperatures(piece),
    Fans: withWords(
      joined(" · ", ...["fan_a_rpm", "fan_b_rpm", "fan_rpm"].map((member) => piece(member, (value) => number(value)))),
      "\u202frpm",
    ),
    State:
      unit.state !== "present" ? unit.state : known(unit.age_seconds) ? `figures ${span(unit.age_seconds)} old` : null,
    Part: unit.part,
    Serial: unit.serial,
    "Expansion of": leader ? nameOf(leader[1]) : null,
  };
}

function temperatures(piece) {
  const degrees = (member) => piece(member, (value) => temperature(value));
  const pack =
    joined(" to ", degrees("pack_min_celsius"), degrees("pack_max_celsius")) ?? degrees("controller_celsius");
  const inverter = degrees("inverter_celsius");
  return joined(", ", pack, inverter.length ? ["inverter ", ...inverter] : []);
}

/** The groups that hold something, with words between them; null when none does. */
function joined(between, ...groups) {
  const full = groups.filter((group) => group.length);
  return full.length ? full.flatMap((group, index) => (index ? [between, ...group] : group)) : null;
}

const withWords = (pieces, words) => pieces && [...pieces, words];
/** "PW1" is Powerwall 1, "PW1 Exp 2" Powerwall 1 expansion 2. */
const nameOf = (unit) => unit.label.replace("PW", "Powerwall ").replace("Exp", "expansion");

const words = (type) => String(type ?? "").replace(/[a-z](?=[A-Z0-9])|[0-9](?=[A-Z])/g, "$& ");
