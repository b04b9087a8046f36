// Each unit with its charge, power, temperatures, fans and versions.
import { h, keyed, property, text } from "../../core/dom.js";
import { DASH, energy, known, number, percent, power, temperature, withUnit } from "../../core/format.js";

const rows = ["Energy", "Power", "Voltage", "Temperature", "Fans", "State", "Part", "Serial", "Expansion of"];
const finite = (value) => (known(value) ? value : null);

function unitBox() {
  const gauge = h("div.gauge", { "aria-hidden": "true" }, h("i"));
  const title = h("h3"), kind = h("p.kind"), facts = h("dl.facts");
  const cells = Object.fromEntries(rows.map((name) => {
    const term = h("dt", {}, name), value = h("dd");
    facts.append(term, value);
    return [name, { term, value }];
  }));
  const box = h("article.unit-box", {}, gauge, title, kind, facts);
  return Object.assign(box, { gauge, title_: title, kind, cells });
}

export function powerwalls(card, app, hint) {
  const list = h("div.units-list"), none = h("p.none");
  card.append(list, none);
  return {
    live: true,
    update({ subject, model }) {
      const all = (subject ? (subject.id || model.gateways.length === 1 ? [subject] : model.gateways) : [])
        .flatMap((gateway) => gateway.units.map((unit) => ({ ...describe(gateway, unit, model.gateways.length > 1), key: `${gateway.id}/${unit.serial || unit.number}` })));
      const boxes = keyed(list, all.map((one) => one.key), unitBox);
      boxes.forEach((box, index) => {
        const one = all[index];
        property(box.gauge, "--level", one.level ?? 0);
        text(box.title_, `Powerwall ${number(index + 1)} · ${percent(one.level)}`);
        text(box.kind, one.kind);
        for (const name of rows) {
          const { term, value } = box.cells[name];
          const shown = one[name] ?? null;
          term.hidden = value.hidden = shown === null && !["Energy", "Power", "Temperature"].includes(name);
          text(value, shown ?? DASH);
        }
      });
      text(none, all.length ? "" : subject?.data ? "No Powerwall here" : "Nothing known yet");
      none.hidden = all.length > 0;
      hint([subject?.version ? `Firmware ${subject.version.split(" ")[0]}` : "", known(subject?.fullWh) ? `${energy(subject.fullWh)} in all` : ""].filter(Boolean).join(" · "));
    },
  };
}

function describe(gateway, unit, several) {
  const vitals = gateway.data?.vitals ?? {};
  const device = (prefix) => Object.entries(vitals).find(([key]) => key.startsWith(prefix) && key.endsWith(unit.serial) && unit.serial)?.[1];
  const pod = device("TEPOD--"), thc = device("TETHC--"), inverter = device("TEPINV--");
  const part = unit.block.PackagePartNumber;
  const fans = fanWords(gateway, unit);
  const leader = leaderOf(gateway, unit);
  const hot = finite(pod?.HVP_PackTempMax) ?? finite(thc?.THC_AmbientTemp);
  const cold = finite(pod?.HVP_PackTempMin);
  const ambient = finite(inverter?.PCH_AmbientTemp);
  const left = finite(pod?.POD_nom_energy_remaining) ?? unit.leftWh, full = finite(pod?.POD_nom_full_pack_energy) ?? unit.fullWh;
  // The gateway gives p_out in W, TEDAPI in kW (a few digits at most).
  const out = finite(unit.block.p_out);
  const watts = out === null ? null : Math.abs(out) < 30 ? out * 1000 : out;
  const volts = finite(unit.block.v_out), hertz = finite(unit.block.f_out);
  return {
    level: unit.level ?? (known(left) && full ? (left / full) * 100 : null),
    kind: [words(unit.type) || "Powerwall", several && gateway.name].filter(Boolean).join(" · "),
    Energy: known(left) || known(full) ? `${energy(left)} of ${energy(full)}` : null,
    Power: known(watts) ? `${watts < -15 ? "charging " : watts > 15 ? "discharging " : ""}${power(Math.abs(watts))}` : null,
    Voltage: volts === null && hertz === null ? null : [withUnit(volts, "V", 1), withUnit(hertz, "Hz", 2)].join(" · "),
    Temperature: hot === null && ambient === null ? null
      : [cold !== null && hot !== null ? `${temperature(cold)} to ${temperature(hot)}` : hot !== null ? temperature(hot) : "", ambient !== null ? `inverter ${temperature(ambient)}` : ""].filter(Boolean).join(", "),
    Fans: fans,
    State: stateWords(unit.block),
    Part: part || null,
    Serial: unit.serial || null,
    "Expansion of": leader,
  };
}

const words = (type) => String(type).replace(/[a-z](?=[A-Z0-9])|[0-9](?=[A-Z])/g, "$& ");
const stateWords = (block) => {
  const parts = [block.pinv_state, block.pinv_grid_state].filter(Boolean).map((word) => String(word).replace(/^PINV_/, "").replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2"));
  if (block.off_grid) parts.push("off grid");
  if (block.disabled_reasons?.length) parts.push(`disabled: ${block.disabled_reasons.join(", ")}`);
  return parts.length ? parts.join(", ") : null;
};

function fanWords(gateway, unit) {
  const found = Object.entries(gateway.data?.fan_speeds ?? {});
  const mine = found.filter(([device]) => unit.serial && device.endsWith(unit.serial));
  const used = mine.length ? mine : gateway.units.length === 1 ? found : [];
  const parts = used.flatMap(([, signals]) => {
    const speeds = [signals.PCH_FanSpeed_A, signals.PCH_FanSpeed_B, signals.PVAC_Fan_Speed_Actual_RPM].filter(known);
    return speeds.map((speed) => number(speed));
  });
  return parts.length ? `${parts.join(" · ")}\u202frpm` : null;
}

function leaderOf(gateway, unit) {
  const configured = gateway.data?.tedapi_config?.battery_blocks ?? [];
  const leader = configured.find((one) => (one.battery_expansions ?? []).some((pack) => String(pack.din ?? "").endsWith(unit.serial) && unit.serial));
  if (!leader) return null;
  const of = gateway.units.find((one) => String(leader.vin).endsWith(one.serial));
  return of ? `Powerwall ${of.number}` : null;
}
