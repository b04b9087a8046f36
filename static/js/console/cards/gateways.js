// Each gateway: state, age, why it fails, how gently it is asked.
import { attribute, h, keyed, load, text } from "../../core/dom.js";
import { DASH, known, number, span } from "../../core/format.js";
import { CAUSES, STATES } from "../../core/words.js";

const ROWS = ["Address", "Connection", "Last reading", "In this state", "Calls a minute", "Poll takes", "Firmware", "Missing"];

function box() {
  const name = h("span"), pill = h("span.pill"), facts = h("dl.facts"), cause = h("p.cause");
  const cells = Object.fromEntries(ROWS.map((row) => {
    const term = h("dt", {}, row), value = h("dd");
    facts.append(term, value);
    return [row, { term, value }];
  }));
  return Object.assign(h("article.gateway-box", {}, h("h3", {}, name, pill), facts, cause), { name_: name, pill, cells, cause });
}

export function gateways(card, app, hint) {
  const list = h("div"), none = h("p.none", {}, "No gateway configured");
  card.append(list, none);
  let details = {};
  return {
    every: 5,
    async refresh() {
      const health = await load("health");
      if (!health) return;
      details = Object.fromEntries((health.gateway_details ?? []).map((one) => [one.id, one]));
    },
    update({ model, lost }) {
      if (!model) return;
      keyed(list, model.gateways.map((one) => one.id), box).forEach((element, index) => {
        const gateway = model.gateways[index], more = details[gateway.id] ?? {};
        const [words, kind] = lost ? ["Not known", "warn"] : gateway.stale ? ["Stale", "warn"]
          : more.state && (more.state !== "ok" || gateway.online) ? STATES[more.state] ?? [more.state, "warn"] : gateway.online ? ["Online", "good"] : ["Offline", "bad"];
        text(element.name_, gateway.name);
        text(element.pill, words);
        attribute(element.pill, "class", `pill ${kind}`);
        const missing = Object.entries(more.capabilities ?? {}).filter(([, one]) => one.available === false).map(([name]) => name.replace(/_/g, " "));
        const values = {
          Address: gateway.host,
          Connection: gateway.data?.connection_mode ?? more.connection_mode ?? null,
          "Last reading": gateway.lastUpdated === null ? "never" : `${span(app.age(gateway.id))} ago`,
          "In this state": known(more.state_since) && known(model.timestamp) ? span(Math.max(0, model.timestamp - more.state_since)) : null,
          "Calls a minute": known(more.calls_per_minute) ? number(more.calls_per_minute) : null,
          "Poll takes": known(more.poll_seconds) ? `${number(more.poll_seconds * 1000)}\u202fms` : null,
          Firmware: gateway.version ? gateway.version.split(" ")[0] : null,
          Missing: missing.length ? missing.join(", ") : null,
        };
        for (const row of ROWS) {
          const { term, value } = element.cells[row];
          text(value, values[row] ?? DASH);
          term.hidden = value.hidden = values[row] === null && ["Address", "Missing", "Firmware"].includes(row);
        }
        const cause = gateway.online ? "" : [more.cause ? `The gateway ${CAUSES[more.cause] ?? more.cause}.` : "", gateway.error ?? ""].filter(Boolean).join(" ");
        text(element.cause, cause);
        element.cause.hidden = !cause;
      });
      none.hidden = model.gateways.length > 0;
      hint(model.gateways.length > 1 ? `${model.gateways.filter((one) => one.online).length} of ${model.gateways.length} online` : "");
    },
  };
}
