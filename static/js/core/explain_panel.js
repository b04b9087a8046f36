// Where a number comes from: a click on it, or Enter, opens a panel with what /api/explain says. The numbers are made
// with ``figure`` of dom.js.
import { h } from "./dom.js";
import { DASH, energy, known, moment, number, percent, power, temperature, withUnit } from "./format.js";
import { load } from "./load.js";
import { learn, say, sayId, translated } from "./texts.js";

/** How a value of each unit is written. @type {Record<string, (value: number) => string>} */
const WRITTEN = {
  W: power,
  Wh: energy,
  "%": (value) => percent(value, 1),
  "°C": (value) => temperature(value),
  time: (value) => moment(value, true),
  null: (value) => number(value),
  rpm: (value) => withUnit(value, "rpm"),
  s: (value) => withUnit(value, "s", 1),
};

/** How a word is written, by the number's name. @type {Record<string, (value: string) => string>} */
const WORDS = {
  mode: (value) => sayId("mode.", value),
  grid_export: (value) => sayId("export.", value),
};

/** @param {{name?: string, value?: unknown, unit?: string | null}} told */
function written({ name = "", value, unit }) {
  if (typeof value === "string") return WORDS[name]?.(value) ?? value;
  if (!known(value)) return DASH;
  return WRITTEN[String(unit)]?.(value) ?? withUnit(value, String(unit), 2);
}

/** Open the panel for every element with ``data-name`` (and ``data-gateway``) that is pressed, on the whole page. */
export function explainNumbers() {
  const dialog = h("dialog.explain", { "aria-labelledby": "explain-title" });
  /** What had the focus before. @type {Element | null} */
  let opener = null;
  dialog.addEventListener("close", () => {
    if (opener instanceof HTMLElement || opener instanceof SVGElement) opener.focus();
  });
  // A click on the dialog itself is one beside the panel that fills it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);

  /** @param {HTMLElement | SVGElement} element */
  async function open(element) {
    const { name = "", gateway } = element.dataset;
    opener = focusable(element, name);
    const query = new URLSearchParams(gateway ? { gateway, name } : { name });
    fill(dialog, [h("p", { role: "status" }, say("page.asking"))]);
    if (!dialog.open) dialog.showModal();
    const [told] = await Promise.all([load(`api/explain?${query}`), learn("explain")]);
    if (dialog.open)
      fill(
        dialog,
        told ? contents(told) : [h("p", { role: "status" }, say("explain.notTold"))],
        told?.title && translated(told.title),
      );
  }

  document.addEventListener("click", (event) => {
    const element = event.target instanceof Element ? event.target.closest("[data-name]") : null;
    if (element) open(/** @type {HTMLElement} */ (element));
  });
  // A button of the drawing hears no keys by itself.
  document.addEventListener("keydown", (event) => {
    const element = event.target;
    if (!(element instanceof Element) || !element.matches("[data-name][role=button]")) return;
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(/** @type {HTMLElement} */ (element));
  });
}

/** Return what shows this number and takes the focus: the element, or a part of it. @param {Element} element */
function focusable(element, name = "") {
  const inner = /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-name]"));
  const all = [/** @type {HTMLElement} */ (element), ...inner];
  return all.find((one) => one.tabIndex >= 0 && one.dataset.name === name) ?? null;
}

/** @param {HTMLDialogElement} dialog @param {Element[]} children */
function fill(dialog, children, title = say("explain.title")) {
  const close = h("button.button", { type: "button", click: () => dialog.close() }, say("explain.close"));
  dialog.replaceChildren(h("h2", { id: "explain-title" }, title), ...children, close);
  close.focus();
}

/** @param {Explanation} told */
function contents(told) {
  const facts = h("dl");
  /** @param {string} term @param {string | null | undefined} words */
  const row = (term, words) => words && facts.append(h("dt", {}, term), h("dd", {}, h("span", {}, words)));
  row(say("explain.answer"), told.answer);
  row(say("explain.member"), told.member);
  row(say("explain.at"), known(told.at) ? moment(told.at, true) : "");
  row(say("explain.setAside"), translated(told.set_aside ?? ""));
  for (const part of told.parts ?? []) {
    row(part.gateway ? (part.gateway_name ?? part.gateway) : translated(part.title ?? "") || part.name, written(part));
  }
  row(say("explain.missing"), (told.missing_names ?? []).join(", "));
  for (const one of told.left_out ?? [])
    row(say("explain.without", { name: one.gateway_name ?? one.id }), translated(one.sentence));
  return [h("p.big", {}, written(told)), h("p", {}, translated(told.sentence ?? "")), facts];
}
