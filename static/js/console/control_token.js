// The control token: asked for when first needed, kept in this tab, or in this browser when so wished.
import { h } from "../core/dom.js";
import { inherited, remember, remembered } from "../core/settings.js";
import { say } from "../core/texts.js";

const KEY = "pwserver.token";
const KEEP_KEY = "pwserver.token.keep"; // whether the box was ticked last time
const INHERITED_KEY = "pw_control_token"; // of pypowerwall-server's console
const INHERITED_KEEP_KEY = "pw_control_remember";
const tab = () => sessionStorage;
/** Where the browser refuses both storages. @type {string | null} */
let inMemory = null;

/** Return the token that is known. @returns {string | null} */
export const token = () =>
  inMemory ??
  remembered(KEY, null, tab) ??
  remembered(KEY) ??
  (inherited(INHERITED_KEY) || inherited(INHERITED_KEY, tab) || null);

/** Forget the token everywhere. */
export function forget() {
  inMemory = null;
  for (const key of [KEY, INHERITED_KEY]) {
    remember(key, null, tab);
    remember(key, null);
  }
}

/**
 * Ask in a modal dialog. Resolves with the value of the button that was pressed, "" when the dialog was dismissed.
 * @param {Node[]} content
 * @returns {Promise<string>}
 */
function ask(...content) {
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

/**
 * Make a button that dismisses its dialog. It does not submit: the Enter key presses the first button that does, and
 * who has typed the token wants to go on.
 * @param {import("../core/dom.js").Attributes} attributes
 */
function cancelButton(attributes = {}) {
  const button = h("button.button", { type: "button", ...attributes }, say("command.cancel"));
  button.addEventListener("click", () => button.closest("dialog")?.close(""));
  return button;
}

/** Return the token, asked for if need be; null when the reader would rather not. */
export async function needToken() {
  const have = token();
  if (have) return have;
  const attributes = { type: "password", id: "token", autocomplete: "current-password", required: true };
  const input = h("input", attributes);
  const keep = h("input", { type: "checkbox", checked: remembered(KEEP_KEY) ?? inherited(INHERITED_KEEP_KEY) === "1" });
  const label = say("command.tokenLabel");
  const answer = await ask(
    h("h2", {}, say("command.token")),
    h("p", {}, h("label", { for: "token" }, label)),
    input,
    h("label.line", {}, keep, say("command.remember")),
    h("div.actions", {}, cancelButton(), h("button.button.primary", { value: "yes" }, say("command.use"))),
  );
  if (answer !== "yes" || !input.value) return null;
  inMemory = input.value;
  remember(KEEP_KEY, keep.checked);
  if (keep.checked) remember(KEY, input.value);
  else remember(KEY, input.value, tab);
  return input.value;
}

/**
 * Ask whether something is meant. ``word`` must be typed for what hurts.
 * @param {string} title
 * @param {string} words
 * @param {{danger?: boolean, word?: string}} options
 */
export async function confirmed(title, words, { danger = false, word = "" } = {}) {
  const attributes = { type: "text", id: "typed", pattern: word, required: true, autocomplete: "off", class: "button" };
  const typed = h("input", attributes);
  const typing = word ? [h("p", {}, h("label", { for: "typed" }, `${say("command.type", { word })} `)), typed] : [];
  const button = h(danger ? "button.button.danger" : "button.button.primary", { value: "yes" }, title);
  const actions = h("div.actions", {}, cancelButton({ autofocus: !word }), button);
  const answer = await ask(h("h2", {}, title), h("p", {}, words), ...typing, actions);
  return answer === "yes" && (!word || typed.value === word);
}
