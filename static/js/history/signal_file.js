// The device signals that are shown, as a CSV file: a row for each time, three columns for each curve.
import { h } from "../core/dom.js";
import { say } from "../core/texts.js";

/** @import { Curve } from "./signal_charts.js" */

const FIGURES = /** @type {const} */ (["avg", "min", "max"]);

/** Write a cell; what could be taken for two cells or for a formula is quoted. @param {string} words */
const quoted = (words) => (/[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words);

/** Write curves as the text of a CSV file, in the units and with all digits that the server sent. @param {Curve[]} curves */
export function csvOf(curves) {
  const columns = curves.flatMap((one) => FIGURES.map((figure) => ({ one, figure })));
  const head = columns.map(({ one, figure }) => `${one.gateway}/${one.device}/${one.metric} ${figure} [${one.unit}]`);
  /** @type {Map<number, Map<Curve, Curve["points"][number]>>} */
  const rows = new Map();
  for (const one of curves) {
    for (const point of one.points) rows.set(point.ts, (rows.get(point.ts) ?? new Map()).set(one, point));
  }
  const lines = [...rows]
    .sort(([a], [b]) => a - b)
    .map(([at, points]) => {
      const values = columns.map(({ one, figure }) => points.get(one)?.[figure] ?? "");
      return [new Date(at * 1000).toISOString(), ...values].join();
    });
  return `${[["time", ...head.map(quoted)].join(), ...lines].join("\r\n")}\r\n`;
}

/**
 * Make a button that saves what ``curves`` returns then.
 * @param {string} name of the file
 * @param {() => Curve[]} curves
 */
export function fileButton(name, curves) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([csvOf(curves())], { type: "text/csv" }));
    h("a", { href: address, download: `powerwall-${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  };
  return h("button.button", { type: "button", click: save }, say("history.csv"));
}
