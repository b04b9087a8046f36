// Each gateway: its state, since when, why, what helps, how gently it is asked. Those in trouble stand first.
import { attribute, figure, h, keyed, text } from "../../core/dom.js";
import { DASH, known, number, percent, power, span } from "../../core/format.js";
import * as labels from "../../core/labels.js";
import { ageOf, attempts, cause, when } from "../../core/sentences.js";
import { ago } from "../../core/server_clock.js";
import { inTrouble } from "../../core/subject.js";
import { say, translated } from "../../core/texts.js";
import { factList } from "../fact_list.js";
import { FoldedList } from "../folded_list.js";

/** @import { GatewayEntry } from "../../core/subject.js" */

const MOST_SHOWN = 6;
/** Each row, and which number of the gateway's document it shows. */
const ROWS = /** @type {const} */ ([
  ["address", null],
  ["connection", null],
  ["reading", "read_at"],
  ["inState", "since"],
  ["lastKnown", null],
  ["calls", "connection.calls_per_minute"],
  ["poll", "connection.poll_seconds"],
  ["firmware", null],
  ["missing", null],
]);
/** These are always there. */
const ALWAYS = ["reading", "inState"];

function gatewayBox() {
  const name = h("span");
  const pill = h("span.pill");
  const why = h("p.cause");
  const again = h("p.attempts");
  const { list, cells } = factList(
    ROWS.map(([row]) => row),
    (row) => say(`gateways.${row}`),
  );
  const element = h("article.gateway-box", {}, h("h3", {}, name, pill), why, again, list);
  return { element, name, pill, why, again, cells };
}

/** All of them, for who looks after the server. @type {Card["create"]} */
export const allGateways = (...made) => gatewaysCard(Number.POSITIVE_INFINITY, ...made);

/** Those in trouble and a few others. @type {Card["create"]} */
export const gateways = (...made) => gatewaysCard(MOST_SHOWN, ...made);

/**
 * @param {number} most how many are shown before the reader asks for all, where none of them is in trouble
 * @param {Parameters<Card["create"]>} made
 * @returns {LiveCard}
 */
function gatewaysCard(most, ...[card, app, hint]) {
  const list = h("div");
  const none = h("p.none", {}, say("gateways.none"));
  /** @type {FoldedList<GatewayEntry>} */
  const fold = new FoldedList(most, isTroubled, () => live.update?.(app));
  /** What each house that is left out of the sum is said to be. @type {Map<string, string>} */
  let flagged = new Map();
  /** @param {GatewayEntry} one */
  function isTroubled(one) {
    return inTrouble(one) || flagged.has(one.id);
  }
  card.append(list, fold.button, none);
  /** @type {LiveCard} */
  const live = {
    update({ overview, shown, houses, lost }) {
      if (!overview) return;
      // With one house chosen, that house only.
      const all = overview.gateways.filter((one) => !shown || shown.several || shown.unknown || one.id === shown.id);
      const left = overview.site.left_out.filter((one) => one.reason === "implausible");
      flagged = new Map(left.map((one) => [one.id, one.sentence]));
      const troubled = all.filter(isTroubled);
      const sorted = fold.shown(all);
      const ids = sorted.map((one) => one.id);
      for (const [index, box] of keyed(list, ids, gatewayBox).entries()) {
        const house = houses.find((one) => one.id === ids[index]);
        const gateway = house && house.time >= overview.time ? house : sorted[index];
        show(box, gateway, { house, lost, flagged: flagged.get(gateway.id) });
      }
      none.hidden = all.length > 0;
      const count = all.length;
      const words = troubled.length ? say("gateways.troubled", { count, troubled: troubled.length }) : number(count);
      hint(count < 2 ? "" : words);
    },
  };
  return live;
}

/**
 * @param {ReturnType<typeof gatewayBox>} box
 * @param {GatewayEntry} gateway
 * @param {{house: SiteHouse | undefined, lost: boolean, flagged: string | undefined}} about
 */
function show(box, gateway, { house, lost, flagged }) {
  const [words, colour] = stateWords(gateway, lost, flagged);
  text(box.name, gateway.name);
  text(box.pill, words);
  attribute(box.pill, "class", `pill ${colour}`);
  /** @type {Record<string, string | null>} */
  const values = {
    reading: known(gateway.read_at) ? say("gateways.ago", { age: ageOf(gateway) }) : say("gateways.never"),
    inState: known(gateway.since) ? span(ago(gateway.since)) : null,
    lastKnown: lastKnown(gateway.last_known),
    ...(house ? connectionRows(house) : {}),
  };
  for (const [row, member] of ROWS) {
    const cell = box.cells.get(row);
    const shown = values[row] ?? null;
    if (!cell) continue;
    figure(cell.value, shown ?? DASH, known(gateway.read_at) && shown !== null ? member : null, gateway.id);
    cell.term.hidden = cell.value.hidden = shown === null && !ALWAYS.includes(row);
  }
  const calm = lost || gateway.state === "waiting"; // the pill says it
  const why = calm ? "" : flagged ? say("gateway.implausible", { why: translated(flagged) }) : cause(gateway);
  text(box.why, why);
  text(box.again, why && gateway.state !== "fresh" ? attempts(gateway) : "");
  box.why.hidden = box.again.hidden = !why;
}

/**
 * Return the word for the state of a gateway, and its colour.
 * @param {GatewayEntry} gateway
 * @param {boolean} lost
 * @param {string | undefined} flagged
 */
function stateWords(gateway, lost, flagged) {
  if (lost) return [say("page.notKnown"), "warn"];
  if (flagged) return [say("gateways.leftOut"), "warn"];
  return labels.stateWords(gateway.state);
}

/**
 * Return the rows of the house document, which is not there for every house at every moment.
 * @param {SiteHouse} house
 */
function connectionRows({ connection }) {
  const { host, mode, calls_per_minute: calls, poll_seconds: poll, firmware, missing } = connection;
  return {
    address: host,
    connection: mode,
    calls: known(calls) ? number(calls) : null,
    poll: known(poll) ? `${number(poll * 1000)}\u202fms` : null,
    firmware: firmware ? firmware.split(" ")[0] : null,
    missing: missing.length ? missing.map((name) => name.replace(/_/g, " ")).join(", ") : null,
  };
}

/** Write the figures of a house that is away, marked as old. @param {GatewayEntry["last_known"]} last */
function lastKnown(last) {
  if (!last) return null;
  const { solar_watts: solar, home_watts: home, charge_percent: charge } = last;
  const shown = [
    known(solar) ? say("gateways.solar", { power: power(solar) }) : "",
    known(home) ? say("gateways.home", { power: power(home) }) : "",
    known(charge) ? say("gateways.charge", { percent: percent(charge) }) : "",
  ].filter(Boolean);
  return `${when(last.read_at)}: ${shown.join(", ")}`;
}
