// The server itself, and its MQTT link.
import { attribute, h, keyed, load, text } from "../../core/dom.js";
import { DASH, known, moment, number, span, withUnit } from "../../core/format.js";

function factList(names) {
  const list = h("dl.facts");
  const cells = Object.fromEntries(
    names.map((name) => {
      const value = h("dd", {}, DASH);
      list.append(h("dt", {}, name), value);
      return [name, value];
    }),
  );
  return {
    list,
    show: (values) => {
      for (const [name, value] of Object.entries(values)) text(cells[name], value ?? DASH);
    },
  };
}

export function health(card) {
  const facts = factList([
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
  const body = h("tbody");
  const table = h(
    "div.scroll",
    { tabindex: 0, role: "region", "aria-label": "Processes" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["Process", "Heartbeat", "Restarts", "Requests", "Streams"].map((name, index) =>
            h(index ? "th.num" : "th", { scope: "col" }, name),
          ),
        ),
      ),
      body,
    ),
  );
  card.append(h("div.two", {}, facts.list, table));
  const link = h("a", { href: "metrics" }, "Metrics");
  card.append(
    h("p.links", {}, link, " ", h("a", { href: "stats" }, "Statistics"), " ", h("a", { href: "health" }, "Health")),
  );
  return {
    every: 15,
    async refresh() {
      const stats = await load("stats");
      if (!stats) return;
      const link = stats.connection_health ?? {};
      facts.show({
        Version: stats.server_version,
        Library: stats.pypowerwall_version && `pypowerwall ${stats.pypowerwall_version}`,
        "Running since": moment(stats.start),
        Uptime: known(stats.ts) && known(stats.start) ? span(stats.ts - stats.start) : null,
        Memory: known(stats.mem) ? withUnit(stats.mem / 1024, "MB") : null,
        Requests: number(known(stats.gets) ? stats.gets + (stats.posts ?? 0) : null),
        Errors: number(stats.errors),
        Polls: number(link.total_successes),
        "Failed polls": number(link.total_failures),
      });
      const list = stats.processes ?? [];
      keyed(
        body,
        list.map((one) => one.name),
        () => h("tr", {}, h("th", { scope: "row" }), h("td.num"), h("td.num"), h("td.num"), h("td.num")),
      ).forEach((row, index) => {
        const one = list[index],
          [name, beat, restarts, requests, sockets] = row.children;
        text(name, one.name);
        text(beat, known(one.beat_age_seconds) ? `${number(one.beat_age_seconds, 1)}\u202fs` : DASH);
        text(restarts, number(one.restarts));
        text(requests, one.counters ? number((one.counters.gets ?? 0) + (one.counters.posts ?? 0)) : "");
        text(sockets, one.counters ? number(one.counters.websockets) : "");
      });
    },
  };
}

export function mqtt(card, _app, _hint) {
  const pill = h("span.pill", {}, DASH);
  const facts = factList(["Broker", "Topics below", "Home Assistant", "Quality of service", "Retained", "Encrypted"]);
  card.append(h("p", { style: "margin-bottom:.7rem" }, pill), facts.list);
  const yes = (value) => (value === true ? "yes" : value === false ? "no" : null);
  return {
    every: 30,
    async refresh() {
      const status = await load("api/mqtt/status");
      const [words, kind] = !status
        ? ["Not known", ""]
        : !status.enabled
          ? ["Switched off", ""]
          : status.connected
            ? ["Connected", "good"]
            : ["Not connected", "bad"];
      text(pill, words);
      attribute(pill, "class", `pill ${kind}`);
      facts.list.hidden = Boolean(status && !status.enabled);
      if (!status?.enabled) return;
      facts.show({
        Broker: status.host ? `${status.host}:${status.port}` : null,
        "Topics below": status.topic_prefix,
        "Home Assistant": status.ha_discovery ? "announced" : "not announced",
        "Quality of service": number(status.qos),
        Retained: yes(status.retain),
        Encrypted: yes(status.tls),
      });
    },
  };
}
