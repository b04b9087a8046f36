// Alerts as the server judged them: how bad, what it means, on which unit, since when; and those that ended lately.
import { attribute, figure, h, keyed, text } from "../../core/dom.js";
import { when } from "../../core/sentences.js";
import { say, sayId, translated } from "../../core/texts.js";

/**
 * @typedef {NonNullable<SiteHouse["alerts_active"]>[string]} ActiveAlert
 * @typedef {ActiveAlert & {ended?: number, name: string, house: SiteHouse, group: string}} Alert
 */

/** The colours of severities. @type {Record<string, string>} */
const COLOURS = { serious: "bad", warning: "warn" };

/** @type {Card["create"]} */
export function alerts(card, _app, hint) {
  const active = h("ul.alerts");
  const ended = h("ul.alerts.ended");
  const none = h("p.none", { hidden: true });
  const title = h("h3", { hidden: true }, say("alerts.ended"));
  const region = { tabindex: 0, role: "region", "aria-label": say("alerts.list") };
  card.append(h("div.long", region, active, title, ended), none);
  return {
    update({ shown, houses }) {
      if (!shown) return;
      const { several } = shown;
      // Of several houses together only what is more than a state; the rest is in the view of each house.
      const now = listed(houses, "alerts_active").filter((one) => !several || one.severity !== "information");
      const past = listed(houses, "alerts_ended");
      draw(active, now, several);
      draw(ended, past, several);
      title.hidden = !past.length;
      none.hidden = now.length > 0;
      text(none, houses.some((house) => house.alerts_active) ? say("alerts.none") : say("page.notKnown"));
      hint(shown.problems ? say("alerts.problems", { n: shown.problems }) : "");
    },
  };
}

/** @param {SiteHouse[]} houses @param {"alerts_active" | "alerts_ended"} group @returns {Alert[]} */
const listed = (houses, group) =>
  houses.flatMap((house) =>
    Object.entries(house[group] ?? {}).map(([name, alert]) => ({ ...alert, name, house, group })),
  );

function alertRow() {
  const [name, severity, meaning] = [h("b", { lang: "en" }), h("span.pill"), h("p")];
  const [where, time] = [h("small"), h("time")];
  return { element: h("li", {}, name, severity, meaning, where, time), name, severity, meaning, where, time };
}

/** @param {Element} list @param {Alert[]} alerts @param {boolean} several */
function draw(list, alerts, several) {
  const keys = alerts.map((one) => `${one.house.id}/${one.name}`);
  for (const [index, row] of keyed(list, keys, alertRow).entries()) {
    const one = alerts[index];
    text(row.name, nameInWords(one.name));
    attribute(row.element, "title", one.name);
    text(row.severity, sayId("alerts.", one.severity));
    attribute(row.severity, "class", `pill ${COLOURS[one.severity] ?? ""}`);
    text(row.meaning, translated(one.meaning ?? "") || say("alerts.unpublished"));
    text(row.where, [...(several ? [one.house.name] : []), ...one.units].join(" · "));
    const origin = `${one.group}.${one.name}.${one.ended ? "ended" : "since"}`;
    figure(
      row.time,
      one.ended ? say("alerts.endedAt", { time: when(one.ended), began: began(one) }) : began(one),
      origin,
      one.house.id,
    );
  }
}

/** @param {Alert} alert */
const began = ({ since, since_exact: exact }) =>
  since === null ? "" : say(exact ? "alerts.since" : "alerts.atLeastSince", { time: when(since) });

/** Write a name: "PodCommissionTime" is Pod Commission Time. @param {string} name */
const nameInWords = (name) =>
  name
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");
