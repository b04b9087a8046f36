// The solar strings of one gateway or of all.
import { h, keyed, property, text } from "../../core/dom.js";
import { known, number, power, withUnit } from "../../core/format.js";

export function strings(card, app, hint) {
  const body = h("tbody"), none = h("p.none", {}, "No strings reported");
  const table = h("div.scroll", { tabindex: 0, role: "region", "aria-label": "Solar strings" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "String"), h("th.num", { scope: "col" }, "Voltage"),
    h("th.num", { scope: "col" }, "Current"), h("th.num", { scope: "col" }, "Power"), h("th.num", { scope: "col" }, h("span.unseen", {}, "Share")))), body));
  card.append(table, none);
  return {
    live: true,
    update({ subject, model }) {
      const from = !subject ? [] : subject.id || model.gateways.length === 1 ? [subject] : model.gateways;
      const all = from.flatMap((gateway) => Object.entries(gateway.data?.strings ?? {}).map(([name, one]) =>
        ({ key: `${gateway.id}/${name}`, name: from.length > 1 ? `${gateway.name} ${name}` : name, ...one })));
      const most = Math.max(1, ...all.map((one) => (known(one.Power) ? one.Power : 0)));
      keyed(body, all.map((one) => one.key), row).forEach((element, index) => {
        const one = all[index], [name, volts, amps, watts, share] = element.cells;
        text(name, one.name + (one.Connected === false ? " · not connected" : ""));
        text(volts, withUnit(one.Voltage, "V"));
        text(amps, withUnit(one.Current, "A", 2));
        text(watts, power(one.Power));
        property(share, "--share", known(one.Power) ? Math.max(0, one.Power / most).toFixed(3) : 0);
      });
      table.hidden = !all.length;
      none.hidden = all.length > 0;
      const total = all.map((one) => one.Power).filter(known);
      hint(total.length ? power(total.reduce((sum, value) => sum + value, 0)) : "");
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
