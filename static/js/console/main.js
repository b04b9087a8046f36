// The console: one live connection, many cards.
import { attribute, h, keyed, text } from "../core/dom.js";
import { Age, Live } from "../core/live.js";
import { modelOf } from "../core/model.js";
import { change, onChange, settings } from "../core/settings.js";
import { NO_ANSWER, notice } from "../core/words.js";
import { CARDS } from "./cards.js";
import { openSettings } from "./settings.js";
import { record } from "./trendstore.js";

const query = new URLSearchParams(location.search);
const hiddenByAddress = new Set((query.get("hide") || "").split(",").map((one) => one.trim()).filter(Boolean));
const find = (id) => document.getElementById(id);
const ages = new Map();
const app = { model: null, subject: null, lost: false, gateway: query.get("gateway") ?? settings.gateway, ages, age: (id) => ages.get(id)?.seconds ?? null };
let cards = [];

function order() {
  const place = (card) => { const at = settings.order.indexOf(card.id); return at < 0 ? 100 + CARDS.indexOf(card) : at; };
  return [...CARDS].sort((a, b) => place(a) - place(b)).filter((card) => !hiddenByAddress.has(card.id) && !settings.hidden.includes(card.id));
}

/** Make the grid show the wanted cards in the wanted order; those that stay keep their state. */
function arrange() {
  const wanted = order();
  const elements = keyed(find("cards"), wanted.map((card) => card.id), (id) => {
    const card = CARDS.find((one) => one.id === id);
    const hint = h("small");
    const element = h(`section.card${card.wide ? ".wide" : ""}`, { "data-card": id, "data-span": card.span, "aria-labelledby": `title-${id}` },
      h("h2", { id: `title-${id}` }, card.title, hint));
    element.live = card.create(element, app, (words) => text(hint, words));
    return element;
  });
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

function subjectNow() {
  app.subject = app.model ? (app.gateway ? app.model.find(app.gateway) : app.model.site) : null;
}

function show() {
  const subject = app.subject;
  const whose = !subject ? [] : subject.id ? [subject] : app.model.gateways.filter((one) => one.data);
  const old = whose.length > 0 && whose.every((one) => ages.get(one.id)?.old);
  const age = whose.length ? Math.max(...whose.map((one) => app.age(one.id) ?? 0)) : null;
  app.faded = app.lost || !subject?.data || subject.stale || old;
  const [words, bad] = app.lost ? [NO_ANSWER, true] : notice(subject, age, old);
  text(find("notice"), words);
  find("notice").classList.toggle("bad", bad);
  const state = app.lost ? ["Connection lost", "bad"] : !subject ? ["Connecting", ""] : !subject.data ? ["No data", "bad"]
    : subject.stale || app.faded ? ["Stale", "warn"] : ["Live", "good"];
  text(find("state"), state[0]);
  attribute(find("state"), "class", `pill ${state[1]}`);
  for (const element of cards) {
    if (!element.live.update) continue;
    element.classList.toggle("stale", Boolean(element.live.live && app.faded && subject?.data));
    element.live.update(app);
  }
}

function switcher() {
  const box = find("switcher");
  const many = app.model.gateways.length > 1;
  box.hidden = !many;
  if (!many) return;
  const buttons = keyed(box, ["", ...app.model.gateways.map((one) => one.id)], (id) =>
    h("button.button", { type: "button", "data-gateway": id, click: () => choose(id) }, id ? app.model.find(id).name : "All"));
  for (const button of buttons) attribute(button, "aria-pressed", String((app.gateway || "") === button.dataset.gateway));
}

function choose(id) {
  app.gateway = id;
  change({ gateway: id });
  subjectNow();
  switcher();
  show();
  for (const element of cards) refresh(element, true);
}

new Live({
  onMessage(message) {
    const first = !app.model;
    app.model = modelOf(message);
    for (const one of app.model.gateways) {
      if (!ages.has(one.id)) ages.set(one.id, new Age());
      ages.get(one.id).see(one);
    }
    subjectNow();
    text(find("site"), app.model.site.siteName);
    if (first) arrange();
    switcher();
    if (!document.hidden) show();
    record(app.model);
  },
  onState(state) {
    app.lost = state.lost;
    attribute(document.documentElement, "data-transport", state.transport || "none");
    if (!state.lost) for (const element of cards) refresh(element, true);
    show();
  },
}).start();
setTimeout(() => { if (!app.model) { arrange(); show(); } }, 1500);
setInterval(() => {
  if (document.hidden) return;
  show();
  for (const element of cards) refresh(element);
}, 1000);
onChange(() => { arrange(); show(); });
find("settings").addEventListener("click", () => openSettings(find("settings-dialog"), CARDS));
