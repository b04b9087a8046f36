// The solar strings of one house or of all.
import { figure, h, keyed, property, text } from "../../core/dom.js";
import { known, power, withUnit } from "../../core/format.js";

const STATES = { asleep: "asleep", unused: "unused", missing: "not answering" };

export function strings(card, _app, hint) {
  const body = h("tbody"),
    none = h("p.none", {}, "No strings reported");
  const table = h(
    "div.scroll",
    { tabindex: 0, role: "region", "aria-label": "Solar strings" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "String"),
          h("th.num", { scope: "col" }, "Voltage"),
          h("th.num", { scope: "col" }, "Current"),
          h("th.num", { scope: "col" }, "Power"),
          h("th.num", { scope: "col" }, h("span.unseen", {}, "Share")),
        ),
      ),
      body,
    ),
  );
  card.append(table, none);
  return {
    live: true,
    update({ shown, houses }) {
      const all = houses.flatMap((house) =>
        Object.entries(house.strings).map(([name, string]) => ({ house, name, string })),
      );
      const most = Math.max(1, ...all.map(({ string }) => string.watts ?? 0)); // the longest bar
      keyed(
        body,
        all.map(({ house, name }) => `${house.id}/${name}`),
        row,
      ).forEach((element, index) => {
        const { house, name, string } = all[index],
          [title, volts, amperes, watts, share] = element.cells;
        text(
          title,
          [houses.length > 1 ? `${house.name} ${name}` : name, STATES[string.state]].filter(Boolean).join(" · "),
        );
        figure(volts, withUnit(string.volts, "V"), `strings.${name}.volts`, house.id);
        figure(amperes, withUnit(string.amperes, "A", 2), `strings.${name}.amperes`, house.id);
        figure(watts, power(string.watts), `strings.${name}.watts`, house.id);
        property(share, "--share", known(string.watts) ? Math.max(0, string.watts / most).toFixed(3) : 0);
      });
      table.hidden = !all.length;
      none.hidden = all.length > 0;
      hint(all.length && known(shown?.solar_watts) ? `${power(shown.solar_watts)} solar in all` : "");
    },
  };
}

function row() {
  const share = h("i");
  const cells = [h("th", { scope: "row" }), h("td.num"), h("td.num"), h("td.num")];
  const element = h("tr", {}, ...cells, h("td.num", {}, h("div.meter", {}, share)));
  Object.defineProperty(element, "cells", { value: [...cells, share] });
  return element;
}
