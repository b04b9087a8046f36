// Each unit with its charge, power, temperatures, fans and versions.
import { h, keyed, property, text } from "../../core/dom.js";
import { DASH, energy, known, number, percent, power, temperature, withUnit } from "../../core/format.js";
import { SCALE } from "../../core/words.js";

const ROWS = ["Energy", "Power", "Voltage", "Temperature", "Fans", "State", "Part", "Serial", "Expansion of"];
const ALWAYS = ["Energy", "Power", "Temperature"];
const IDLE_WATTS = 15;

function unitBox() {
  const gauge = h("div.gauge", { "aria-hidden": "true" }, h("i"));
  const title = h("h3"), kind = h("p.kind"), facts = h("dl.facts");
  const cells = Object.fromEntries(ROWS.map((name) => {
    const term = h("dt", {}, name), value = h("dd");
    facts.append(term, value);
    return [name, { term, value }];
  }));
  return Object.assign(h("article.unit-box", {}, gauge, title, kind, facts), { gauge, title_: title, kind, cells });
}

export function powerwalls(card, app, hint) {
  const list = h("div.units-list"), none = h("p.none");
  card.append(list, none);
  return {
    live: true,
    update({ shown, houses }) {
      const several = houses.length > 1;
      const all = houses.flatMap((house) => Object.entries(house.units).map(([position, unit]) => ({ house, position, unit })));
      keyed(list, all.map(({ house, unit }) => `${house.id}/${unit.serial}`), unitBox).forEach((box, index) => {
        const { house, position, unit } = all[index];
        property(box.gauge, "--level", unit.charge_percent ?? 0);
        text(box.title_, `Powerwall ${number(Number(position))} · ${percent(unit.charge_percent)}`);
        text(box.kind, [words(unit.type) || "Powerwall", several && house.name].filter(Boolean).join(" · "));
        const values = rowsOf(house, unit);
        for (const name of ROWS) {
          const { term, value } = box.cells[name];
          term.hidden = value.hidden = values[name] === null && !ALWAYS.includes(name);
          text(value, values[name] ?? DASH);
        }
      });
      none.hidden = all.length > 0;
      text(none, houses.some((house) => house.has_battery === false) ? "No Powerwall here" : "Nothing known yet");
      const firmware = several ? null : houses[0]?.connection.firmware;
      hint([firmware ? `Firmware ${firmware.split(" ")[0]}` : "", known(shown?.capacity_wh) ? `${energy(shown.capacity_wh)} in all` : "", SCALE].filter(Boolean).join(" · "));
    },
  };
}

function rowsOf(house, unit) {
  const fans = [unit.fan_a_rpm, unit.fan_b_rpm, unit.fan_rpm].filter(known).map((speed) => number(speed));
  const leader = Object.entries(house.units).find(([, other]) => unit.leader && other.serial === unit.leader);
  return {
    Energy: known(unit.remaining_wh) || known(unit.capacity_wh) ? `${energy(unit.remaining_wh)} of ${energy(unit.capacity_wh)}` : null,
    Power: known(unit.watts) ? `${unit.watts < -IDLE_WATTS ? "charging " : unit.watts > IDLE_WATTS ? "discharging " : ""}${power(Math.abs(unit.watts))}` : null,
    Voltage: known(unit.volts) || known(unit.hertz) ? [withUnit(unit.volts, "V", 1), withUnit(unit.hertz, "Hz", 2)].join(" · ") : null,
    Temperature: temperatures(unit) || null,
    Fans: fans.length ? `${fans.join(" · ")}\u202frpm` : null,
    State: unit.state === "present" ? null : unit.state,
    Part: unit.part,
    Serial: unit.serial,
    "Expansion of": leader ? `Powerwall ${leader[0]}` : null,
  };
}

function temperatures({ pack_min_celsius: low, pack_max_celsius: high, controller_celsius: controller, inverter_celsius: inverter }) {
  const pack = known(low) && known(high) ? `${temperature(low)} to ${temperature(high)}` : known(high) ? temperature(high) : known(controller) ? temperature(controller) : "";
  return [pack, known(inverter) ? `inverter ${temperature(inverter)}` : ""].filter(Boolean).join(", ");
}

const words = (type) => String(type ?? "").replace(/[a-z](?=[A-Z0-9])|[0-9](?=[A-Z])/g, "$& ");
