// The console: one live connection, many cards.
import { attribute, h, keyed, text } from "../core/dom.js";
import { explainNumbers } from "../core/explain_panel.js";
import { number } from "../core/format.js";
import { record } from "../core/minute_store.js";
import { showNotice } from "../core/notice.js";
import { NO_ANSWER, noSuchGateway, notice, PHASES } from "../core/sentences.js";
import { change, onChange, settings } from "../core/settings.js";
import { inTrouble } from "../core/subject.js";
import { CARDS } from "./card_table.js";
import { Houses } from "./houses.js";
import { openSettings } from "./settings_dialog.js";

const query = new URLSearchParams(location.search);
const hiddenByAddress = new Set(
  (query.get("hide") || "")
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean),
);
const find = (id) => document.getElementById(id);
/**
 * What cards are given. ``overview``: the newest /api/site, null until it is heard. ``shown``: the house or the site that is shown
 * (core/subject.js), null until something is heard. ``houses``: the documents (/api/site/{id}) of the houses whose details are shown,
 * in the order of the configuration: one, or all of several. ``gateway``: the chosen id, "" for all. ``lost``: the server does not
 * answer. ``faded``: what is shown is old or unknown.
 */
const app = {
  overview: null,
  shown: null,
  houses: [],
  gateway: query.get("gateway") || settings.gateway,
  lost: false,
  faded: true,
};
let cards = [];

function order() {
  const place = (card) => {
    const at = settings.order.indexOf(card.id);
    return at < 0 ? 100 + CARDS.indexOf(card) : at;
  };
  return [...CARDS]
    .sort((a, b) => place(a) - place(b))
    .filter((card) => !hiddenByAddress.has(card.id) && !settings.hidden.includes(card.id));
}

/** Make the grid show the wanted cards in the wanted order; those that stay keep their state. */
function arrange() {
  const wanted = order();
  const elements = keyed(
    find("cards"),
    wanted.map((card) => card.id),
    (id) => {
      const card = CARDS.find((one) => one.id === id);
      const hint = h("small");
      const element = h(
        `section.card${card.wide ? ".wide" : ""}`,
        { "data-card": id, "data-span": card.span, "aria-labelledby": `title-${id}` },
        h("h2", { id: `title-${id}` }, card.title, hint),
      );
      element.live = card.create(element, app, (words) => text(hint, words));
      return element;
    },
  );
  for (const gone of cards) if (!elements.includes(gone)) gone.live.remove?.();
  cards = elements;
  for (const element of cards) refresh(element, true);
}

function refresh(element, now = false) {
  const { live } = element;
  if (!live.refresh || (document.hidden && !now)) return;
  const due = performance.now() - (element.refreshed ?? -Infinity) >= (live.every ?? 30) * 1000;
  if (now || due) {
    element.refreshed = performance.now();
    live.refresh();
  }
}

function pill(shown) {
  if (app.lost) return ["Connection lost", "bad"];
  if (!shown) return ["Connecting", ""];
  if (shown.state === "partial") return [`${number(shown.fresh)} of ${number(shown.gateways)} live`, "warn"];
  return PHASES[shown.state] ?? [shown.state, "warn"];
}

function show() {
  const { shown } = app;
  app.faded = app.lost || !shown?.known || shown.old;
  showNotice(
    app.lost
      ? { words: NO_ANSWER, bad: true }
      : shown?.unknown
        ? { words: noSuchGateway(shown.id, app.overview?.gateways), bad: true }
        : notice(shown),
  );
  const [words, colour] = pill(shown);
  text(find("state"), words);
  attribute(find("state"), "class", `pill ${colour}`);
  text(find("site"), shown?.title ?? "");
  for (const element of cards) {
    if (!element.live.update) continue;
    element.classList.toggle("stale", Boolean(element.live.live && app.faded && shown?.known));
    element.live.update(app);
  }
}

/** The choice of house: also of a single one when another, unknown one is chosen. */
function switcher() {
  const box = find("switcher"),
    gateways = app.overview?.gateways ?? [];
  box.hidden = gateways.length < (app.shown?.unknown ? 1 : 2);
  if (box.hidden) return;
  const named = new Map(gateways.map((one) => [one.id, one]));
  const buttons = keyed(box, ["", ...named.keys()], (id) =>
    h(
      "button.button",
      { type: "button", "data-gateway": id, click: () => choose(id) },
      id ? named.get(id).name : "All",
      h("span.unseen"),
    ),
  );
  for (const button of buttons) {
    const one = named.get(button.dataset.gateway),
      troubled = Boolean(one && inTrouble(one));
    attribute(button, "aria-pressed", String((app.gateway || "") === button.dataset.gateway));
    button.classList.toggle("troubled", troubled);
    text(button.lastChild, troubled ? `: ${PHASES[one.state][0]}` : "");
  }
}

function choose(id) {
  app.gateway = id;
  change({ gateway: id });
  houses.choose(id);
  for (const element of cards) refresh(element, true);
}

function news() {
  const first = !app.shown;
  app.overview = houses.overview;
  app.shown = houses.shown;
  app.houses = houses.shownDetails;
  if (first && app.shown && !cards.length) arrange();
  switcher();
  if (!document.hidden) show();
  record(app);
}

const houses = new Houses({
  chosen: app.gateway,
  onChange: news,
  onState(state) {
    app.lost = state.lost;
    attribute(document.documentElement, "data-transport", state.transport || "none");
    if (!state.lost) for (const element of cards) refresh(element, true);
    show();
  },
});
houses.start(window.pwserverFirst);
setTimeout(() => {
  if (!cards.length) {
    arrange();
    show();
  }
}, 1500);
setInterval(() => {
  if (document.hidden) return;
  show();
  for (const element of cards) refresh(element);
}, 1000);
onChange(() => {
  arrange();
  show();
});
explainNumbers();
find("settings").addEventListener("click", () => openSettings(find("settings-dialog"), CARDS));
