// What the energy of the range cost, earned and saved: an estimate, as the server works it out.
import { find, h, text } from "../core/dom.js";
import { known, number } from "../core/format.js";
import { asSentence, locale, say, translated } from "../core/texts.js";
import { daysTitle } from "./range_title.js";

const AMOUNTS = /** @type {const} */ (["cost", "earnings", "fixed", "bill", "solar_savings", "battery_savings"]);

/**
 * Show the value of some days, of one house or of all together; without a tariff one line that says how to have it.
 * @param {EnergyValue | null} answer
 * @param {{first: string, last: string}} days
 */
export function showValue(answer, { first, last }) {
  const total = answer?.total;
  const shown = total ? AMOUNTS.filter((name) => known(total[name])) : [];
  const entries = shown.map((name) =>
    h("div", {}, h("dt", {}, say(`history.value.${name}`)), h("dd", {}, money(total?.[name] ?? 0, answer?.currency))),
  );
  find("value").replaceChildren(...entries);
  find("value").hidden = !entries.length;
  text(find("value-words"), wordsOf(answer, shown.length > 0, daysTitle(first, last)));
}

/** @param {EnergyValue | null} answer @param {boolean} isKnown @param {string} days */
function wordsOf(answer, isKnown, days) {
  if (!answer) return say("history.value.unknown");
  if (answer.cause) return `${translated(answer.cause)} ${translated(answer.remedy ?? "")}`;
  const first = isKnown ? say("history.value.rule", { days }) : say("history.value.nothing");
  return [first, ...answer.notes.map((note) => asSentence(translated(note)))].join(" ");
}

/** Write an amount of money; of an unknown currency without its name. @param {number} value @param {string | null} [currency] */
function money(value, currency) {
  if (!currency) return number(value, 2);
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency }).format(value);
  } catch {
    return `${currency} ${number(value, 2)}`;
  }
}
