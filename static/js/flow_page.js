// The power flow page: one drawing of one gateway, or of all of them together.
import { attribute, figure, find, text } from "./core/dom.js";
import { explainNumbers } from "./core/explain_panel.js";
import { known, percent } from "./core/format.js";
import { HouseChoice, writeHouse } from "./core/house_choice.js";
import { modeWords, NO_ANSWER, SCALE } from "./core/labels.js";
import { LiveConnection } from "./core/live_connection.js";
import { load } from "./core/load.js";
import { showNotice } from "./core/notice.js";
import { ageOf, noSuchGateway } from "./core/sentences.js";
import { atOneMoment } from "./core/server_clock.js";
import { nameOf, subjectOf, unknownHouse } from "./core/subject.js";
import { say } from "./core/texts.js";
import { aboutHours, topSentence } from "./core/top_sentence.js";
import { FlowDrawing } from "./flow/flow_drawing.js";

/**
 * @import { Notice } from "./core/notice.js"
 * @import { Subject } from "./core/subject.js"
 */

const HOUSES_MS = 60_000; // how often the names and states of all houses are asked for while one is shown

let gateway = new URLSearchParams(location.search).get("gateway") || "";
const root = document.documentElement;
const drawing = new FlowDrawing(find("flow"));
/** @type {Subject | null} */
let subject = null;
/** Those that are configured; asked for while one of them is shown. @type {SiteOverview["gateways"] | null} */
let gateways = null;
let lost = false;

/** @returns {Notice} */
function notice() {
  if (lost) return { words: NO_ANSWER, level: "bad" };
  if (subject?.unknown) return { words: noSuchGateway(gateway, gateways), level: "bad", block: true };
  return topSentence(subject);
}

/**
 * Show a number below the drawing; no words: it is not known.
 * @param {string} id
 * @param {string} words
 * @param {string} name
 */
function showFact(id, words, name) {
  figure(find(id), words, words && nameOf(subject, name), subject?.id);
}

const show = () => atOneMoment(draw);

function draw() {
  drawing.show(subject, { faded: lost || !subject?.known || subject.old });
  showNotice(notice());
  text(find("site"), subject?.title ?? "");
  const { mode, reserve_percent: reserve, hours_left: hours } = subject ?? {};
  const live = subject?.several ? say("flow.live", { count: subject.fresh, all: subject.gateways }) : "";
  showFact("houses", live, "fresh");
  text(find("mode"), mode ? modeWords(mode) : "");
  showFact("reserve", known(reserve) ? say("flow.reserve", { percent: percent(reserve) }) : "", "reserve_percent");
  showFact("left", known(hours) ? say("flow.left", { time: aboutHours(hours) }) : "", "hours_left");
  text(find("scale"), known(subject?.charge_percent) ? SCALE : "");
  showFact("age", subject && known(subject.read_at) ? say("flow.read", { age: ageOf(subject) }) : "", "read_at");
}

/** Offer the houses: when there is news of them, for there may be hundreds. */
function showChoice() {
  if (gateways) choice.show(gateways, gateway, subject);
}

/** Listen to what is chosen. @returns {LiveConnection} */
const connect = () =>
  new LiveConnection({
    gateway,
    onMessage(message) {
      subject = subjectOf(message);
      if ("site" in message) gateways = message.gateways;
      showChoice();
      show();
    },
    onState(state) {
      lost = state.lost;
      attribute(document.documentElement, "data-transport", state.transport || "none");
      if (state.unknown) subject = unknownHouse(gateway);
      showChoice();
      show();
      if (state.unknown) askForHouses();
    },
  });

const choice = new HouseChoice((id) => {
  gateway = id;
  subject = null; // the figures of one house must not stand below the name of another
  writeHouse(id);
  showChoice();
  live.stop();
  live = connect().start();
});

/** Ask which houses there are, and how they are: what streams of one house does not tell. */
async function askForHouses() {
  gateways = (await load("api/site"))?.gateways ?? gateways;
  showChoice();
  show();
}

let live = connect().start(window.pwserverFirst);
setInterval(() => !document.hidden && show(), 1000);
// In a frame nothing is chosen, and a single house is no choice.
const offersHouses = root.hasAttribute("data-several") && !root.classList.contains("framed");
if (offersHouses && gateway) askForHouses();
if (offersHouses) setInterval(() => gateway && !document.hidden && askForHouses(), HOUSES_MS);
explainNumbers();
