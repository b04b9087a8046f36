// Alerts as the server judged them: how bad, what it means, on which unit, since when; and those that ended lately.
import { attribute, figure, h, keyed, text } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { when } from "../../core/sentences.js";

const WORDS = { serious: "Serious", warning: "Warning", information: "State" };

export function alerts(card, _app, hint) {
  const active = h("ul.alerts"),
    ended = h("ul.alerts.ended"),
    none = h("p.none", { hidden: true });
  const title = h("h3", { hidden: true }, "Ended lately");
  card.append(
    h("div.long", { tabindex: 0, role: "region", "aria-label": "List of alerts" }, active, title, ended),
    none,
  );
  return {
    update({ shown, houses }) {
      if (!shown) return;
      const many = Boolean(shown.several);
      const list = (group) =>
        houses.flatMap((house) =>
          Object.entries(house[group] ?? {}).map(([name, alert]) => ({ ...alert, name, house, group })),
        );
      // Of several houses together only what is more than a state; the rest is in the view of each house.
      const now = list("alerts_active").filter((one) => !many || one.severity !== "information");
      const past = list("alerts_ended");
      draw(active, now, many);
      draw(ended, past, many);
      title.hidden = !past.length;
      none.hidden = now.length > 0;
      text(none, houses.some((house) => house.alerts_active) ? "No alerts" : "Not known");
      hint(shown.problems ? `${number(shown.problems)} ${shown.problems === 1 ? "problem" : "problems"}` : "");
    },
  };
}

function draw(list, alerts, many) {
  const key = (one) => `${one.house.id}/${one.name}`;
  keyed(list, alerts.map(key), () => h("li", {}, h("b"), h("span.pill"), h("p"), h("small"), h("time"))).forEach(
    (element, index) => {
      const one = alerts[index];
      const [name, severity, meaning, where, time] = element.children;
      text(name, words(one.name));
      attribute(element, "title", one.name);
      text(severity, WORDS[one.severity] ?? "Not known");
      attribute(severity, "class", `pill ${{ serious: "bad", warning: "warn" }[one.severity] ?? ""}`);
      text(meaning, one.meaning ?? "What it means is not published.");
      text(where, [...(many ? [one.house.name] : []), ...one.units].join(" · "));
      const origin = `${one.group}.${one.name}.${one.ended ? "ended" : "since"}`;
      figure(time, one.ended ? `ended ${when(one.ended)}, ${began(one)}` : began(one), origin, one.house.id);
    },
  );
}

const began = (one) => (one.since === null ? "" : `${one.since_exact ? "since" : "at least since"} ${when(one.since)}`);
const words = (name) =>
  name
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");
