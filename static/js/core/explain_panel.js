// Where a number comes from: a click on it, or Enter, opens a panel with what /api/explain says. See ``figure`` in dom.js.
import { h, load } from "./dom.js";
import { DASH, energy, known, moment, number, percent, power, temperature, withUnit } from "./format.js";

const SHOWN = {
  W: power,
  Wh: energy,
  "%": (value) => percent(value, 1),
  "°C": temperature,
  time: (value) => moment(value, true),
  null: (value) => number(value),
  rpm: (value) => withUnit(value, "rpm"),
  s: (value) => withUnit(value, "s", 1),
};
const words = (value, unit) =>
  typeof value === "string" ? value : known(value) ? (SHOWN[unit] ?? ((one) => withUnit(one, unit, 2)))(value) : DASH;

/** Listen to the whole page. Elements with ``data-name`` (and ``data-gateway``) are asked about. */
export function explainNumbers() {
  const dialog = h("dialog.explain", { "aria-labelledby": "explain-title" });
  let opener = null;
  dialog.addEventListener("close", () => opener?.focus?.());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside the panel
  document.body.append(dialog);

  async function open(element) {
    const { name, gateway } = element.dataset;
    opener =
      [element, ...element.querySelectorAll("[data-name]")].find(
        (one) => one.tabIndex >= 0 && one.dataset.name === name,
      ) ?? null;
    const query = new URLSearchParams(gateway ? { gateway, name } : { name });
    fill(dialog, [h("p", { role: "status" }, "Asking the server …")]);
    if (!dialog.open) dialog.showModal();
    const told = await load(`api/explain?${query}`);
    if (dialog.open)
      fill(
        dialog,
        told
          ? contents(told)
          : [h("p", { role: "status" }, "The server does not answer, or does not know this number any more.")],
        told?.title,
      );
  }

  document.addEventListener("click", (event) => {
    const element = event.target.closest?.("[data-name]");
    if (element) open(element);
  });
  document.addEventListener("keydown", (event) => {
    const element = event.target.matches?.("[data-name][role=button]") && event.target;
    if (!element || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    open(element);
  });
}

function fill(dialog, children, title = "Where this number comes from") {
  const close = h("button.button", { type: "button", click: () => dialog.close() }, "Close");
  dialog.replaceChildren(h("h2", { id: "explain-title" }, title), ...children, close);
  close.focus();
}

function contents(told) {
  const facts = h("dl");
  const row = (term, ...shown) =>
    shown.some(Boolean) &&
    facts.append(
      h("dt", {}, term),
      h("dd", {}, ...shown.map((one) => (one instanceof Node ? one : h("span", {}, one)))),
    );
  row("Read from", told.answer);
  row("In it", told.member);
  row("It arrived", known(told.at) ? moment(told.at, true) : "");
  row("Set aside", told.set_aside);
  for (const part of told.parts)
    row(part.gateway ? (part.gateway_name ?? part.gateway) : part.title, words(part.value, part.unit));
  row("Not known of", (told.missing_names ?? []).join(", "));
  for (const one of told.left_out ?? []) row(`Without ${one.gateway_name ?? one.id}`, one.sentence);
  return [h("p.big", {}, words(told.value, told.unit)), h("p", {}, told.sentence), facts];
}
