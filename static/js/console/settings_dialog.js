// The settings dialog: theme, temperature unit, which cards and in which order.
import { h, text } from "../core/dom.js";
import { change, settings } from "../core/settings.js";
import { say } from "../core/texts.js";

/**
 * Make a group of buttons for a setting.
 * @param {string} label
 * @param {"theme" | "temperature" | "language"} name
 * @param {[value: string, words: string][]} options
 */
function choice(label, name, options) {
  const buttons = options.map(([value, words]) => {
    const pressed = String((settings[name] || "") === value);
    const button = h("button.button", { type: "button", "aria-pressed": pressed }, words);
    button.addEventListener("click", () => {
      change({ [name]: value });
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    });
    return button;
  });
  return [h("h3", {}, label), h("div.choice", { role: "group", "aria-label": label }, ...buttons)];
}

/** Return the cards in the order that was chosen; cards that came later stand last. @param {Card[]} cards */
export function inOrder(cards) {
  /** @param {Card} card */
  const place = (card) => {
    const at = settings.order.indexOf(card.id);
    return at < 0 ? settings.order.length + cards.indexOf(card) : at;
  };
  return [...cards].sort((a, b) => place(a) - place(b));
}

/** Make a box that shows or hides a card. @param {Card} card */
function visibility(card) {
  const box = h("input", { type: "checkbox", checked: !settings.hidden.includes(card.id) });
  box.addEventListener("change", () => {
    const others = settings.hidden.filter((id) => id !== card.id);
    change({ hidden: box.checked ? others : [...others, card.id] });
  });
  return h("label", {}, box, card.title);
}

/**
 * Fill the list of cards. ``focused`` is the card whose arrow was pressed: it keeps the focus, with its other arrow
 * when it can go no further.
 * @param {Element} list
 * @param {Card[]} cards
 * @param {(words: string) => void} tell
 * @param {{id: string, by: number} | null} focused
 */
function fillList(list, cards, tell, focused = null) {
  const sorted = inOrder(cards);
  /** @param {number} index @param {number} by */
  const move = (index, by) => {
    const ids = sorted.map((card) => card.id);
    [ids[index], ids[index + by]] = [ids[index + by], ids[index]];
    change({ order: ids });
    fillList(list, cards, tell, { id: sorted[index].id, by });
    tell(say("settings.moved", { title: sorted[index].title, place: index + by + 1, all: ids.length }));
  };
  const rows = sorted.map((card, index) => {
    /** @param {number} by @param {string} label @param {string} sign */
    const arrow = (by, label, sign) => {
      const attributes = {
        type: "button",
        "data-move": `${card.id}/${by}`,
        "aria-label": label,
        disabled: index + by < 0 || index + by >= sorted.length,
        click: () => move(index, by),
      };
      return h("button.button.quiet", attributes, sign);
    };
    const { title } = card;
    const arrows = [arrow(-1, say("settings.up", { title }), "↑"), arrow(1, say("settings.down", { title }), "↓")];
    return h("li", {}, visibility(card), ...arrows);
  });
  list.replaceChildren(...rows);
  if (!focused) return;
  for (const way of [focused.by, -focused.by]) {
    const button = list.querySelector(`[data-move="${focused.id}/${way}"]:not(:disabled)`);
    if (button instanceof HTMLElement) {
      button.focus();
      return;
    }
  }
}

/** Open the dialog. @param {HTMLDialogElement} dialog @param {Card[]} cards */
export function openSettings(dialog, cards) {
  const list = h("ul.card-list");
  const said = h("p.unseen", { role: "status" });
  const fill = () => fillList(list, cards, (words) => text(said, words));
  const reset = () => {
    change({ hidden: [], order: [] });
    fill();
  };
  fill();
  dialog.replaceChildren(
    h("h2", { id: "settings-title" }, say("page.settings")),
    ...choice(say("settings.appearance"), "theme", [
      ["auto", say("settings.system")],
      ["light", say("settings.light")],
      ["dark", say("settings.dark")],
    ]),
    ...choice(say("settings.temperature"), "temperature", [
      ["", say("settings.automatic")],
      ["C", "°C"],
      ["F", "°F"],
    ]),
    ...choice(say("settings.language"), "language", [
      ["", say("settings.automatic")],
      ["en", "English"],
      ["de", "Deutsch"],
    ]),
    h("h3", {}, say("settings.cards")),
    list,
    said,
    h(
      "form.actions",
      { method: "dialog" },
      h("button.button", { type: "button", click: reset }, say("settings.reset")),
      h("button.button.primary", {}, say("settings.done")),
    ),
  );
  dialog.showModal();
}
