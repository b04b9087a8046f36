// The server itself, and its MQTT link.
import { attribute, h, keyed, text } from "../../core/dom.js";
import { DASH, known, moment, number, span, withUnit } from "../../core/format.js";
import { load } from "../../core/load.js";
import { factList } from "../fact_list.js";
import { sendCommand } from "../send_command.js";

const FACTS = /** @type {const} */ ([
  "Version",
  "Library",
  "Running since",
  "Uptime",
  "Memory",
  "Requests",
  "Errors",
  "Polls",
  "Failed polls",
]);
const MQTT_FACTS = /** @type {const} */ ([
  "Broker",
  "Topics below",
  "Home Assistant",
  "Quality of service",
  "Retained",
  "Encrypted",
]);
const COLUMNS = ["Process", "Heartbeat", "Restarts", "Requests", "Streams"];

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
  const facts = factList(FACTS);
  const body = h("tbody");
  const head = COLUMNS.map((name, index) => h(index ? "th.num" : "th", { scope: "col" }, name));
  const region = { tabindex: 0, role: "region", "aria-label": "Processes" };
  const table = h("div.scroll", region, h("table", {}, h("thead", {}, h("tr", {}, ...head)), body));
  const links = [
    ["metrics", "Metrics"],
    ["stats", "Statistics"],
    ["health", "Health"],
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
        Version: stats.server_version,
        Library: stats.pypowerwall_version && `pypowerwall ${stats.pypowerwall_version}`,
        "Running since": moment(stats.start),
        Uptime: known(stats.ts) && known(stats.start) ? span(stats.ts - stats.start) : null,
        Memory: known(stats.mem) ? withUnit(stats.mem / 1024, "MB") : null,
        Requests: number(known(stats.gets) ? stats.gets + (stats.posts ?? 0) : null),
        Errors: number(stats.errors),
        Polls: number(polls?.total_successes),
        "Failed polls": number(polls?.total_failures),
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
  const button = h("button.button", { type: "button" }, "Send a test notice");
  const element = h("p.notices", { hidden: true }, words, " ", button, " ", said);
  async function refresh() {
    const status = await load("api/notices");
    element.hidden = !status?.enabled;
    if (!status) return;
    const told = status.addresses.map(({ name, sent, cause, remedy }) =>
      cause ? `${name}: ${cause} ${remedy ?? ""}` : `${name}: ${number(sent)} sent`,
    );
    text(words, `Notices. ${status.problem ?? told.join("; ")}`);
  }
  const question = { title: "Send a test notice", words: "Every address that notices go to gets a message." };
  button.addEventListener("click", async () => {
    button.disabled = true;
    const done = await sendCommand("api/notices/test", {}, question, (told) => text(said, told));
    if (done) text(said, "Sent.");
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
  const facts = factList(MQTT_FACTS);
  card.append(h("p", { style: "margin-bottom:.7rem" }, pill), reason, facts.list);
  return {
    every: 30,
    async refresh() {
      const status = await load("api/mqtt/status");
      const [words, colour] = linkWords(status);
      text(pill, words);
      attribute(pill, "class", `pill ${colour}`);
      text(reason, status?.reason ?? "");
      reason.hidden = !status?.reason;
      facts.list.hidden = status?.enabled === false;
      if (!status?.enabled) return Boolean(status);
      showFacts(facts, {
        Broker: status.host ? `${status.host}:${status.port}` : null,
        "Topics below": status.topic_prefix,
        "Home Assistant": status.ha_discovery ? "announced" : "not announced",
        "Quality of service": number(status.qos),
        Retained: yesOrNo(status.retain),
        Encrypted: yesOrNo(status.tls),
      });
      return true;
    },
  };
}

/** Return the word for the link to the broker, and its colour. @param {MqttStatus | null} status */
function linkWords(status) {
  if (!status) return ["Not known", ""];
  if (!status.enabled) return ["Switched off", ""];
  return status.connected ? ["Connected", "good"] : ["Not connected", "bad"];
}

/** @param {boolean} value */
const yesOrNo = (value) => (value ? "yes" : "no");
