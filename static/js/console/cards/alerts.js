// Alerts as the server judged them: how bad, what it means, on which unit, since when; and those that ended lately.
import { attribute, h, keyed, load, text } from "../../core/dom.js";
import { clock, moment, number } from "../../core/format.js";

const MOST_HOUSES = 12;
const WORDS = { serious: "Serious", warning: "Warning", information: "State" };

export function alerts(card, app, hint) {
  const active = h("ul.alerts"), ended = h("ul.alerts.ended"), none = h("p.none", { hidden: true });
  const title = h("h3", { hidden: true }, "Ended lately");
  card.append(h("div.long", { tabindex: 0, role: "region", "aria-label": "List of alerts" }, active, title, ended), none);
  let asking = 0;

  async function refresh() {
    const mine = ++asking;
    const site = await load("api/site");
    if (!site) return;
    const chosen = site.gateways.filter((one) => one.id === app.gateway);
    const many = !chosen.length && site.gateways.length > 1;
    // Of several houses together only what is more than a state; the rest is in the view of each house.
    const worth = many ? site.gateways.filter((one) => ![null, "information"].includes(one.alerts_worst)) : chosen.length ? chosen : site.gateways;
    const houses = (await Promise.all(worth.slice(0, MOST_HOUSES).map((one) => load(`api/site/${encodeURIComponent(one.id)}`)))).filter(Boolean);
    if (mine !== asking || !card.isConnected) return; // another house was chosen meanwhile
    const list = (group) => houses.flatMap((house) => Object.entries(house[group] ?? {}).map(([name, alert]) => ({ ...alert, name, house, group })));
    const now = list("alerts_active").filter((one) => !many || one.severity !== "information");
    const past = list("alerts_ended").sort((a, b) => b.ended - a.ended);
    draw(active, now, many, site.time);
    draw(ended, past, many, site.time);
    title.hidden = !past.length;
    const known = (many ? site.gateways : worth).some((one) => one.alerts !== null);
    none.hidden = now.length > 0 && worth.length <= MOST_HOUSES;
    text(none, worth.length > MOST_HOUSES ? `and ${worth.length - MOST_HOUSES} more houses` : known ? "No alerts" : "Not known");
    const problems = (many ? site.site : worth[0])?.problems;
    hint(problems ? `${number(problems)} ${problems === 1 ? "problem" : "problems"}` : "");
  }

  return { every: 10, refresh };
}

function draw(list, alerts, many, now) {
  const key = (one) => `${one.house.id}/${one.name}`;
  keyed(list, alerts.map(key), () => h("li", {}, h("b"), h("span.pill"), h("p"), h("small"), h("time"))).forEach((element, index) => {
    const one = alerts[index];
    const [name, severity, meaning, where, when] = element.children;
    text(name, words(one.name));
    element.title = one.name;
    text(severity, WORDS[one.severity] ?? "Not known");
    attribute(severity, "class", `pill ${{ serious: "bad", warning: "warn" }[one.severity] ?? ""}`);
    text(meaning, one.meaning ?? "What it means is not published.");
    text(where, [...(many ? [one.house.name] : []), ...one.units].join(" · "));
    text(when, one.ended ? `ended ${short(one.ended, now)}, ${began(one, now)}` : began(one, now));
    attribute(when, "data-name", `${one.group}.${one.name}.${one.ended ? "ended" : "since"}`);
    attribute(when, "data-gateway", one.house.id);
  });
}

const short = (at, now) => (Math.abs(now - at) < 72_000 ? clock(at) : moment(at));
const began = (one, now) => (one.since === null ? "" : `${one.since_exact ? "since" : "at least since"} ${short(one.since, now)}`);
const words = (name) => name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");
