// The solar strings of one house or of all.
import { figure, h, keyed, property, text } from "../../core/dom.js";
import { known, power, withUnit } from "../../core/format.js";
import { unreadWords } from "../../core/sentences.js";
import { say } from "../../core/texts.js";
import { FoldedList } from "../folded_list.js";

const MOST_SHOWN = 8; // of several houses together, while none of them is in trouble
/** @type {Record<string, string>} */
const STATES = { asleep: say("strings.asleep"), unused: say("strings.unused"), missing: say("strings.missing") };

/** @type {Card["create"]} */
export function strings(card, app, hint) {
  const body = h("tbody");
  const none = h("p.none");
  const numbers = [say("strings.voltage"), say("strings.current"), say("strings.power")].map((name) =>
    h("th.num", { scope: "col" }, name),
  );
  const share = h("th.num", { scope: "col" }, h("span.unseen", {}, say("strings.share")));
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("strings.string")), ...numbers, share));
  const region = { tabindex: 0, role: "region", "aria-label": say("card.strings") };
  const table = h("div.scroll", region, h("table", {}, head, body));
  /** @type {FoldedList<{house: SiteHouse, name: string, string: SiteHouse["strings"][string]}>} */
  const list = new FoldedList(
    MOST_SHOWN,
    ({ string }) => string.weak === true || string.state === "missing",
    () => live.update?.(app),
  );
  card.append(table, list.button, none);
  /** @type {LiveCard} */
  const live = {
    live: true,
    update({ shown, houses }) {
      const every = houses.flatMap((house) =>
        Object.entries(house.strings).map(([name, string]) => ({ house, name, string })),
      );
      const all = houses.length > 1 ? list.shown(every) : list.unfolded(every);
      const most = Math.max(1, ...all.map(({ string }) => string.watts ?? 0)); // the longest bar
      const keys = all.map(({ house, name }) => `${house.id}/${name}`);
      for (const [index, row] of keyed(body, keys, stringRow).entries()) {
        const { house, name, string } = all[index];
        const title = houses.length > 1 ? `${house.name} ${name}` : name;
        const weak = string.weak && say("strings.weak"); // by days, see docs/health.md
        text(row.title, [title, STATES[string.state ?? ""], weak].filter(Boolean).join(" · "));
        figure(row.volts, withUnit(string.volts, "V"), `strings.${name}.volts`, house.id);
        figure(row.amperes, withUnit(string.amperes, "A", 2), `strings.${name}.amperes`, house.id);
        figure(row.watts, power(string.watts), `strings.${name}.watts`, house.id);
        property(row.share, "--share", known(string.watts) ? Math.max(0, string.watts / most).toFixed(3) : 0);
      }
      table.hidden = !all.length;
      none.hidden = all.length > 0;
      const isRead = houses.some((house) => house.state === "fresh" || house.state === "stale");
      text(none, isRead ? say("strings.none") : unreadWords(houses));
      hint(all.length && known(shown?.solar_watts) ? say("strings.inAll", { power: power(shown.solar_watts) }) : "");
    },
  };
  return live;
}

function stringRow() {
  const title = h("th", { scope: "row" });
  const [volts, amperes, watts] = [h("td.num"), h("td.num"), h("td.num")];
  const share = h("i");
  const element = h("tr", {}, title, volts, amperes, watts, h("td.num", {}, h("div.meter", {}, share)));
  return { element, title, volts, amperes, watts, share };
}
