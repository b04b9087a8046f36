// Each gateway: state, since when, why, what helps, how gently it is asked. Those in trouble stand first.

import { attribute, figure, h, keyed, text } from "../../core/dom.js";
import { DASH, known, number, percent, power, span } from "../../core/format.js";
import { attempts, cause, PHASES, when } from "../../core/sentences.js";
import { ago } from "../../core/server_clock.js";
import { inTrouble } from "../../core/subject.js";

const OPTIONAL = ["Address", "Connection", "Last known", "Calls a minute", "Poll takes", "Firmware", "Missing"];
// Which number of the gateway's document a row shows.
const NAMES = {
  "Last reading": "read_at",
  "In this state": "since",
  "Calls a minute": "connection.calls_per_minute",
  "Poll takes": "connection.poll_seconds",
};
const ROWS = [
  "Address",
  "Connection",
  "Last reading",
  "In this state",
  "Last known",
  "Calls a minute",
  "Poll takes",
  "Firmware",
  "Missing",
];

function box() {
  const name = h("span"),
    pill = h("span.pill"),
    facts = h("dl.facts"),
    why = h("p.cause"),
    again = h("p.attempts");
  const cells = Object.fromEntries(
    ROWS.map((row) => {
      const term = h("dt", {}, row),
        value = h("dd");
      facts.append(term, value);
      return [row, { term, value }];
    }),
  );
  return Object.assign(h("article.gateway-box", {}, h("h3", {}, name, pill), why, again, facts), {
    name_: name,
    pill,
    cells,
    why,
    again,
  });
}

/** Rows of the house document, which is not there for every house at every moment. */
function connectionRows(house) {
  if (!house) return {};
  const { host, mode, calls_per_minute: calls, poll_seconds: poll, firmware, missing } = house.connection;
  return {
    Address: host,
    Connection: mode,
    "Calls a minute": known(calls) ? number(calls) : null,
    "Poll takes": known(poll) ? `${number(poll * 1000)}\u202fms` : null,
    Firmware: firmware ? firmware.split(" ")[0] : null,
    Missing: missing.length ? missing.map((name) => name.replace(/_/g, " ")).join(", ") : null,
  };
}

/** Figures of a house that is away, marked as old. */
function lastKnown(last) {
  if (!last) return null;
  const figures = [
    ["Solar", power(last.solar_watts)],
    ["home", power(last.home_watts)],
    ["charge", percent(last.charge_percent)],
  ];
  return `${when(last.read_at)}: ${figures
    .filter(([, shown]) => shown !== DASH)
    .map((one) => one.join(" "))
    .join(", ")}`;
}

export function gateways(card, _app, hint) {
  const list = h("div"),
    none = h("p.none", {}, "No gateway configured");
  card.append(list, none);
  return {
    update({ overview, houses, lost }) {
      if (!overview) return;
      const { gateways: all, site } = overview;
      const flagged = new Map(
        site.left_out.filter((one) => one.reason === "implausible").map((one) => [one.id, one.sentence]),
      );
      const troubled = all.filter((one) => inTrouble(one) || flagged.has(one.id));
      const sorted = [...troubled, ...all.filter((one) => !troubled.includes(one))];
      keyed(
        list,
        sorted.map((one) => one.id),
        box,
      ).forEach((element, index) => {
        const newest = houses.find((one) => one.id === sorted[index].id);
        const gateway = newest && newest.time >= overview.time ? newest : sorted[index];
        const [words, colour] = lost
          ? ["Not known", "warn"]
          : flagged.has(gateway.id)
            ? ["Left out", "warn"]
            : (PHASES[gateway.state] ?? [gateway.state, "warn"]);
        text(element.name_, gateway.name);
        text(element.pill, words);
        attribute(element.pill, "class", `pill ${colour}`);
        const values = {
          "Last reading": known(gateway.read_at) ? `${span(ago(gateway.read_at))} ago` : "never",
          "In this state": known(gateway.since) ? span(ago(gateway.since)) : null,
          "Last known": lastKnown(gateway.last_known),
          ...connectionRows(newest),
        };
        for (const row of ROWS) {
          const { term, value } = element.cells[row],
            shown = values[row] ?? null;
          figure(value, shown ?? DASH, known(gateway.read_at) && shown !== null ? NAMES[row] : null, gateway.id);
          term.hidden = value.hidden = shown === null && OPTIONAL.includes(row);
        }
        const why = lost
          ? ""
          : flagged.has(gateway.id)
            ? `These figures cannot be: ${flagged.get(gateway.id)}`
            : cause(gateway);
        text(element.why, why);
        text(element.again, why && gateway.state !== "fresh" ? attempts(gateway) : "");
        element.why.hidden = element.again.hidden = !why;
      });
      none.hidden = all.length > 0;
      hint(
        all.length < 2
          ? ""
          : troubled.length
            ? `${number(all.length)}, ${number(troubled.length)} in trouble`
            : number(all.length),
      );
    },
  };
}
