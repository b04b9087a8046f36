// The console, and the page of the server: one live connection, many cards.
import { attribute, find, h, keyed, text } from "../core/dom.js";
import { explainNumbers } from "../core/explain_panel.js";
import { HouseChoice, writeHouse } from "../core/house_choice.js";
import { offerKiosk } from "../core/kiosk.js";
import { NO_ANSWER, stateWords } from "../core/labels.js";
import { record } from "../core/minute_store.js";
import { showNotice } from "../core/notice.js";
import { noSuchGateway } from "../core/sentences.js";
import { atOneMoment } from "../core/server_clock.js";
import { onChange, settings } from "../core/settings.js";
import { say } from "../core/texts.js";
import { topSentence } from "../core/top_sentence.js";
import { CARDS, SERVER_CARDS } from "./card_table.js";
import { Houses } from "./houses.js";
import { inOrder, openSettings } from "./settings_dialog.js";

/**
 * @import { Notice } from "../core/notice.js"
 *
 * ``dueAt``: when it is refreshed next.
 * @typedef {{element: HTMLElement, live: LiveCard, dueAt: number}} ShownCard
 */

const EVERY_SECONDS = 30; // a card that does not say how often it is refreshed
const AGAIN_MS = 5000; // before a question is asked again that was left without an answer
const EMPTY_MS = 1500; // so long the first figures may take before the cards appear without any

const query = new URLSearchParams(location.search);
const hiddenByAddress = new Set((query.get("hide") ?? "").split(",").map((one) => one.trim()));
/** @type {ConsoleApp} */
const app = {
  overview: null,
  shown: null,
  houses: [],
  gateway: query.get("gateway") ?? settings.gateway,
  lost: false,
  faded: true,
};
/** The page of the server has cards of its own, all of them in their order. */
const aboutServer = document.body.classList.contains("server");
/** @type {ShownCard[]} */
let cards = [];

/** Make the grid show the wanted cards in the wanted order; those that stay keep their state. */
function arrange() {
  const table = aboutServer ? SERVER_CARDS : inOrder(CARDS).filter((card) => !settings.hidden.includes(card.id));
  const wanted = table.filter((card) => !hiddenByAddress.has(card.id));
  const shown = keyed(find("cards"), wanted, makeCard);
  for (const one of cards) if (!shown.includes(one)) one.live.remove?.();
  cards = shown;
  refreshAll();
}

function begin() {
  if (cards.length) return;
  arrange();
  show();
}

/** @param {Card} card @returns {ShownCard} */
function makeCard({ id, title, span, wide, create }) {
  const hint = h("small");
  const attributes = { "data-card": id, "data-span": span, "aria-labelledby": `title-${id}` };
  const heading = h("h2", { id: `title-${id}` }, title, hint);
  const element = h(wide ? "section.card.wide" : "section.card", attributes, heading);
  const live = create(element, app, (words) => text(hint, words));
  if (live.refresh) attribute(element, "data-every-seconds", live.every ?? EVERY_SECONDS);
  return { element, live, dueAt: -Infinity };
}

/** Refresh the cards that are due. */
function refreshDue() {
  for (const card of cards) if (performance.now() >= card.dueAt) refresh(card);
}

/** @param {ShownCard} card */
async function refresh(card) {
  const { every = EVERY_SECONDS } = card.live;
  card.dueAt = performance.now() + every * 1000;
  const answered = await card.live.refresh?.();
  // While there is no connection nothing is asked again: everything is as soon as it is back.
  if (answered === false && !app.lost) card.dueAt = Math.min(card.dueAt, performance.now() + AGAIN_MS);
}

function refreshAll() {
  for (const card of cards) card.dueAt = -Infinity;
  refreshDue();
}

/** Return the words of the pill at the top, and its colour. */
function pillWords() {
  const { lost, shown } = app;
  if (lost) return [say("state.lost"), "bad"];
  if (!shown) return [say("state.waiting"), ""];
  if (shown.several && shown.state === "partial") {
    return [say("state.live", { count: shown.fresh, all: shown.gateways }), "warn"];
  }
  return stateWords(shown.state);
}

/** @returns {Notice} */
function notice() {
  const { lost, shown, overview } = app;
  if (lost) return { words: NO_ANSWER, level: "bad" };
  if (shown?.unknown) return { words: noSuchGateway(shown.id, overview?.gateways), level: "bad" };
  return topSentence(shown);
}

const show = () => atOneMoment(draw);

function draw() {
  const { shown } = app;
  app.faded = app.lost || !shown?.known || shown.old;
  showNotice(notice());
  const [words, colour] = pillWords();
  text(find("state"), words);
  attribute(find("state"), "class", `pill ${colour}`);
  text(find("site"), shown?.title ?? "");
  for (const { element, live } of cards) {
    if (!live.update) continue;
    element.classList.toggle("stale", Boolean(live.live && app.faded && shown?.known));
    live.update(app);
  }
}

const choice = new HouseChoice((id) => {
  app.gateway = id;
  writeHouse(id);
  houses.choose(id);
});

function takeNews() {
  const first = !app.shown;
  app.overview = houses.overview;
  app.shown = houses.shown;
  app.houses = houses.shownDetails;
  if (app.overview) choice.show(app.overview.gateways, app.gateway, app.shown);
  if (!document.hidden) show();
  // On a slow machine making the cards takes seconds: the sentence on top is painted before them.
  if (first && app.shown) requestAnimationFrame(() => setTimeout(begin));
  record(app);
}

const houses = new Houses({
  chosen: app.gateway,
  onChange: takeNews,
  onState(state) {
    app.lost = state.lost;
    attribute(document.documentElement, "data-transport", state.transport || "none");
    if (!state.lost) refreshAll();
    show();
  },
});
houses.start(window.pwserverFirst);
setTimeout(begin, EMPTY_MS);
setInterval(() => {
  if (document.hidden) return;
  show();
  refreshDue();
}, 1000);
let { language } = settings;
onChange(() => {
  if (settings.language !== language) location.reload(); // the words of this page stand in many places
  language = settings.language;
  arrange();
  show();
});
explainNumbers();
if (!aboutServer) {
  offerKiosk("console", query);
  find("settings").addEventListener("click", () => openSettings(find("settings-dialog", HTMLDialogElement), CARDS));
}
