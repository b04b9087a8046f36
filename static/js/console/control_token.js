// The control token: asked for when first needed, kept in this tab, or in this browser when so wished.
import { h } from "../core/dom.js";
import { remember, remembered } from "../core/settings.js";

const KEY = "pwserver.token";
const tab = () => sessionStorage;
let inMemory = null;

export const token = () => inMemory ?? remembered(KEY, null, tab) ?? remembered(KEY);

export function forget() {
  inMemory = null;
  remember(KEY, null, tab);
  remember(KEY, null);
}

/** A modal dialog; resolves with the form's outcome: the pressed button's value, "" when dismissed. */
export function ask(...content) {
  const dialog = h("dialog", {}, h("form", { method: "dialog" }, ...content));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/** Not a submit button: the Enter key presses the first of those, and whoever has typed the token means to go on. */
const cancel = (attributes = {}) =>
  h(
    "button.button",
    { type: "button", click: (event) => event.target.closest("dialog").close(""), ...attributes },
    "Cancel",
  );

/** The token, asked for if need be; null when the reader would rather not. */
export async function needToken() {
  const have = token();
  if (have) return have;
  const input = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const keep = h("input", { type: "checkbox" });
  const answer = await ask(
    h("h2", {}, "Control token"),
    h("p", {}, h("label", { for: "token" }, "The server's PW_CONTROL_SECRET. It stays in this tab.")),
    input,
    h("label.line", {}, keep, "Remember it in this browser"),
    h("div.actions", {}, cancel(), h("button.button.primary", { value: "yes" }, "Use it")),
  );
  if (answer !== "yes" || !input.value) return null;
  inMemory = input.value;
  if (keep.checked) remember(KEY, input.value);
  else remember(KEY, input.value, tab);
  return input.value;
}

/** Is it meant? ``word``: must be typed for the things that hurt. */
export async function confirmed(title, words, { danger = false, word = "" } = {}) {
  const typed = h("input", {
    type: "text",
    id: "typed",
    pattern: word,
    required: true,
    autocomplete: "off",
    class: "button",
  });
  const answer = await ask(
    h("h2", {}, title),
    h("p", {}, words),
    ...(word ? [h("p", {}, h("label", { for: "typed" }, `Type “${word}” to confirm: `)), typed] : []),
    h(
      "div.actions",
      {},
      cancel({ autofocus: !word }),
      h(danger ? "button.button.danger" : "button.button.primary", { value: "yes" }, title),
    ),
  );
  return answer === "yes" && (!word || typed.value === word);
}
