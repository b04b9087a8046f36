// The server itself, and its MQTT link.
import { attribute, h, keyed, text } from "../../core/dom.js";
import { DASH, known, moment, number, span, withUnit } from "../../core/format.js";
import { load } from "../../core/load.js";
import { say, translated } from "../../core/texts.js";
import { factList } from "../fact_list.js";
import { sendCommand } from "../send_command.js";

const FACTS = /** @type {const} */ ([
  "version",
  "library",
  "since",
  "uptime",
  "memory",
  "requests",
  "errors",
  "polls",
  "failedPolls",
]);
const MQTT_FACTS = /** @type {const} */ (["broker", "topics", "homeAssistant", "quality", "retained", "encrypted"]);
const COLUMNS = /** @type {const} */ (["process", "heartbeat", "restarts", "requests", "streams"]);

/**
 * @template {string} Name
 * @param {ReturnType<typeof factList<Name>>} facts
 * @param {Record<Name, string | null>} values
 */
function showFacts(facts, values) {
  for (const [name, { value }] of facts.cells) text(value, values[name] ?? DASH);
}

/** @type {Card["create"]} */
export function health(card) {
  const facts = factList(FACTS, (name) => say(`server.${name}`));
  const body = h("tbody");
  const head = COLUMNS.map((name, index) => h(index ? "th.num" : "th", { scope: "col" }, say(`server.${name}`)));
  const region = { tabindex: 0, role: "region", "aria-label": say("server.processes") };
  const table = h("div.scroll", region, h("table", {}, h("thead", {}, h("tr", {}, ...head)), body));
  const links = [
    ["metrics", say("server.metrics")],
    ["stats", say("server.statistics")],
    ["health", say("server.health")],
  ].flatMap(([href, words]) => [h("a", { href }, words), " "]);
  const notices = noticeLine();
  card.append(h("div.two", {}, facts.list, table), notices.element, h("p.links", {}, ...links));
  return {
    every: 15,
    async refresh() {
      await notices.refresh();
      const stats = await load("stats");
      if (!stats) return false;
      const { connection_health: polls } = stats;
      showFacts(facts, {
        version: stats.server_version,
        library: stats.pypowerwall_version && `pypowerwall ${stats.pypowerwall_version}`,
        since: moment(stats.start),
        uptime: known(stats.ts) && known(stats.start) ? span(stats.ts - stats.start) : null,
        memory: known(stats.mem) ? withUnit(stats.mem / 1024, "MB") : null,
        requests: number(known(stats.gets) ? stats.gets + (stats.posts ?? 0) : null),
        errors: number(stats.errors),
        polls: number(polls?.total_successes),
        failedPolls: number(polls?.total_failures),
      });
      const processes = stats.processes ?? [];
      const names = processes.map((one) => one.name);
      for (const [index, row] of keyed(body, names, processRow).entries()) {
        const { name, beat_age_seconds: beat, restarts, counters } = processes[index];
        text(row.name, name);
        text(row.beat, known(beat) ? withUnit(beat, "s", 1) : DASH);
        text(row.restarts, number(restarts));
        text(row.requests, counters ? number((counters.gets ?? 0) + (counters.posts ?? 0)) : "");
        text(row.streams, counters ? number(counters.websockets) : "");
      }
      return true;
    },
  };
}

/** How it stands with the notices to the owner, and a button that tries their addresses; hidden while they are off. */
function noticeLine() {
  const words = h("span");
  const said = h("span", { role: "status" });
  const button = h("button.button", { type: "button" }, say("server.testNotice"));
  const element = h("p.notices", { hidden: true }, words, " ", button, " ", said);
  async function refresh() {
    const status = await load("api/notices");
    element.hidden = !status?.enabled;
    if (!status) return;
    const told = status.addresses.map(({ name, sent, cause, remedy }) =>
      cause
        ? `${name}: ${translated(cause)} ${translated(remedy ?? "")}`
        : say("server.noticeSent", { name, count: sent }),
    );
    text(words, say("server.notices", { words: translated(status.problem ?? "") || told.join("; ") }));
  }
  const question = { title: say("server.testNotice"), words: say("server.testQuestion") };
  button.addEventListener("click", async () => {
    button.disabled = true;
    const done = await sendCommand("api/notices/test", {}, question, (told) => text(said, told));
    if (done) text(said, say("server.testSent"));
    if (done === null) text(said, "");
    await refresh();
    button.disabled = false;
  });
  return { element, refresh };
}

function processRow() {
  const name = h("th", { scope: "row" });
  const [beat, restarts, requests, streams] = [h("td.num"), h("td.num"), h("td.num"), h("td.num")];
  return { element: h("tr", {}, name, beat, restarts, requests, streams), name, beat, restarts, requests, streams };
}

/** @type {Card["create"]} */
export function mqtt(card) {
  const pill = h("span.pill", {}, DASH);
  const reason = h("p.reason", { hidden: true });
  const facts = factList(MQTT_FACTS, (name) => say(`mqtt.${name}`));
  card.append(h("p", { style: "margin-bottom:.7rem" }, pill), reason, facts.list);
  return {
    every: 30,
    async refresh() {
      const status = await load("api/mqtt/status");
      const [words, colour] = linkWords(status);
      text(pill, words);
      attribute(pill, "class", `pill ${colour}`);
      text(reason, translated(status?.reason ?? ""));
      reason.hidden = !status?.reason;
      facts.list.hidden = status?.enabled === false;
      if (!status?.enabled) return Boolean(status);
      showFacts(facts, {
        broker: status.host ? `${status.host}:${status.port}` : null,
        topics: status.topic_prefix,
        homeAssistant: status.ha_discovery ? say("mqtt.announced") : say("mqtt.notAnnounced"),
        quality: number(status.qos),
        retained: yesOrNo(status.retain),
        encrypted: yesOrNo(status.tls),
      });
      return true;
    },
  };
}

/** Return the word for the link to the broker, and its colour. @param {MqttStatus | null} status */
function linkWords(status) {
  if (!status) return [say("page.notKnown"), ""];
  if (!status.enabled) return [say("mqtt.off"), ""];
  return status.connected ? [say("mqtt.connected"), "good"] : [say("mqtt.notConnected"), "bad"];
}

/** @param {boolean} value */
const yesOrNo = (value) => (value ? say("mqtt.yes") : say("mqtt.no"));
