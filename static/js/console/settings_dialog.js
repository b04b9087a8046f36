// The settings dialog: theme, temperature unit, which cards and in which order.
import { h, text } from "../core/dom.js";
import { change, settings } from "../core/settings.js";

function choice(label, name, options) {
  const buttons = options.map(([value, words]) =>
    h(
      "button.button",
      {
        type: "button",
        "aria-pressed": String((settings[name] || "") === value),
        click: () => {
          change({ [name]: value });
          for (const one of buttons) one.setAttribute("aria-pressed", String(one === button(value)));
        },
      },
      words,
    ),
  );
  const button = (value) => buttons[options.findIndex(([one]) => one === value)];
  return [h("h3", {}, label), h("div.choice", { role: "group", "aria-label": label }, ...buttons)];
}

export function openSettings(dialog, cards) {
  const list = h("ul.card-list"),
    said = h("p.unseen", { role: "status" });
  /** ``moved``: the card whose arrow was pressed keeps the focus, with its other arrow when there is no further to go. */
  const fill = (moved, by) => {
    const place = (card) => {
      const at = settings.order.indexOf(card.id);
      return at < 0 ? 100 + cards.indexOf(card) : at;
    };
    const sorted = [...cards].sort((a, b) => place(a) - place(b));
    const move = (index, by) => {
      const ids = sorted.map((card) => card.id);
      [ids[index], ids[index + by]] = [ids[index + by], ids[index]];
      change({ order: ids });
      fill(ids[index + by], by);
      text(said, `${sorted[index].title}: ${index + by + 1} of ${ids.length}`);
    };
    list.replaceChildren(
      ...sorted.map((card, index) => {
        const box = h("input", {
          type: "checkbox",
          checked: !settings.hidden.includes(card.id),
          change: () =>
            change({
              hidden: box.checked ? settings.hidden.filter((id) => id !== card.id) : [...settings.hidden, card.id],
            }),
        });
        const arrow = (by, words, sign) =>
          h(
            "button.button.quiet",
            {
              type: "button",
              "data-move": `${card.id}/${by}`,
              "aria-label": `Move ${card.title} ${words}`,
              disabled: index + by < 0 || index + by >= sorted.length,
              click: () => move(index, by),
            },
            sign,
          );
        return h("li", {}, h("label", {}, box, card.title), arrow(-1, "up", "↑"), arrow(1, "down", "↓"));
      }),
    );
    if (moved)
      [by, -by]
        .map((way) => list.querySelector(`[data-move="${moved}/${way}"]:not(:disabled)`))
        .find(Boolean)
        ?.focus();
  };
  fill();
  dialog.replaceChildren(
    h("h2", { id: "settings-title" }, "Settings"),
    ...choice("Appearance", "theme", [
      ["auto", "As the system"],
      ["light", "Light"],
      ["dark", "Dark"],
    ]),
    ...choice("Temperature", "temperature", [
      ["", "Automatic"],
      ["C", "°C"],
      ["F", "°F"],
    ]),
    h("h3", {}, "Cards"),
    list,
    said,
    h(
      "form.actions",
      { method: "dialog" },
      h(
        "button.button",
        {
          type: "button",
          click: () => {
            change({ hidden: [], order: [] });
            fill();
          },
        },
        "All cards, first order",
      ),
      h("button.button.primary", {}, "Done"),
    ),
  );
  dialog.showModal();
}
