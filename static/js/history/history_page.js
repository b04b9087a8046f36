// The history page: one range, all charts. The address always says what is shown.
import { totalOf } from "../charts/energy_bars.js";
import { LineChart } from "../charts/line_chart.js";
import { bandColumns, merge, POWER_SCALES, POWER_SERIES, pointsOf } from "../charts/power_series.js";
import { withGaps } from "../charts/scales.js";
import { find, h, text } from "../core/dom.js";
import { span } from "../core/format.js";
import { HouseChoice } from "../core/house_choice.js";
import { offerKiosk } from "../core/kiosk.js";
import { load } from "../core/load.js";
import { dayStart, isoDay, useZone } from "../core/local_days.js";
import { recordedMinutes } from "../core/minute_store.js";
import { noSuchGateway } from "../core/sentences.js";
import { serverNow } from "../core/server_clock.js";
import { settings } from "../core/settings.js";
import { subjectOf } from "../core/subject.js";
import { say } from "../core/texts.js";
import { followTopSentence } from "../core/top_line.js";
import { DevicesCards } from "./devices_cards.js";
import { EnergyCard } from "./energy_card.js";
import { comparedPeriods, comparedWindows, showComparison, showTable, showTotals } from "./energy_figures.js";
import { hiddenAtFirst, keepHidden } from "./hidden_lines.js";
import { showOutages, spansOf } from "./outages_card.js";
import { HistoryQueries } from "./queries.js";
import { RangeBar } from "./range_bar.js";
import { rangeTitle, windowTitle } from "./range_title.js";
import { SignalCharts, unitsOf } from "./signal_charts.js";
import { TimeRange } from "./time_range.js";
import { showValue } from "./value_card.js";

/** @import { Subject } from "../core/subject.js" */

const DAY_SECONDS = 86_400;
const SHOW_MS = 60; // after a change, so that a row of changes asks once
const RENEW_MS = 60_000;
// Before a server is asked again that does not answer, or that has just started and has recorded nothing yet.
const PAUSES_MS = [1500, 3000, 6000, 12_000];
const COMPARISONS = /** @type {const} */ (["before", "year"]);
const ALL_FIELDS = POWER_SERIES.map((one) => one.field);
const SPREAD_SECONDS = 900; // points that stand for a longer time have a lowest and a highest value, too

const query = new URLSearchParams(location.search);
const hidden = hiddenAtFirst(query);
const queries = new HistoryQueries();
/** The first recorded day, and the zone, of each gateway and of all together. @type {Pick<HistoryStatus, "first_days" | "timezones">} */
let places = {};
/** @type {SignalCatalogue | null} */
let catalogue = null;
/** The ids of all gateways; null: not known yet. @type {string[] | null} */
let gateways = null;
/** Their names, by id. @type {Record<string, string>} */
let names = {};
/** All gateways with their states, in the order of the configuration; empty: not known yet. @type {SiteOverview["gateways"]} */
let overview = [];
/** The house that is shown, by the last answer about it. @type {Subject | null} */
let shown = null;
let showTimer = 0;
let retryTimer = 0;
let isStarted = false;
let unanswered = 0; // how often in a row there was no answer, or nothing recorded up to now
let gateway = query.get("gateway") ?? settings.gateway;
let unit = query.get("pw") ?? "";
const range = new TimeRange(query, firstSecond);
const bar = new RangeBar(range, (change) => go(change));
const energies = new EnergyCard((label) => {
  go(() => (label.length > 7 ? range.choose("day", label) : range.choose("month", `${label}-01`)));
});

/** @param {number} from @param {number} to */
const zoomTo = (from, to) => go(() => range.set(from, to));
const chart = new LineChart(find("power"), {
  series: POWER_SERIES.map((one) => ({ ...one, band: true })),
  label: say("history.power"),
  hidden,
  sync: "history",
  scales: POWER_SCALES,
  onZoom: zoomTo,
  onHide: keepChoice,
});
const signals = new SignalCharts(find("signals"), zoomTo);
const devices = new DevicesCards();

/** Say whether a gateway is chosen that is not configured. */
const isUnknown = () => Boolean(gateway && gateways) && !Object.hasOwn(names, gateway);
const askTopSentence = followTopSentence(
  () => (gateway && !Object.hasOwn(names, gateway) ? null : gateway),
  (found) => {
    if ("gateways" in found) overview = found.gateways;
    else shown = subjectOf(found);
    showHouses();
  },
);

/** Return the id under which the status tells of what is shown: of a house, or of all together. */
const place = () => gateway || (gateways?.length === 1 ? gateways[0] : "aggregate");

/** Return what /api/history calls what is shown: a house, or all together. */
const source = () => gateway || (gateways && gateways.length > 1 ? "aggregate" : "");

/** Return the fields of the curves that are not switched off; all where none is left. */
function shownFields() {
  const shown = POWER_SERIES.filter((one) => !hidden.has(one.name));
  return shown.length ? shown.map((one) => one.field) : ALL_FIELDS;
}

/** Return the first second that is recorded; where none is known, the day before now. */
function firstSecond() {
  const days = places.first_days ?? {};
  const first = days[place()] ?? Object.values(days).sort()[0];
  return first ? dayStart(first) : serverNow() - DAY_SECONDS;
}

/** Write what is shown into the address; with ``isStep`` the browser's Back leads to what was shown before. */
function writeAddress(isStep = false) {
  range.write(query);
  for (const [name, value] of Object.entries({ gateway, pw: unit, hide: [...hidden].join() })) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  if (isStep && isStarted && `?${query}` !== location.search) history.pushState(null, "", `?${query}`);
  else history.replaceState(null, "", `?${query}`);
}

/** Keep which lines are left out: in this browser, and in the address. */
function keepChoice() {
  keepHidden(hidden);
  writeAddress();
  showTools();
}

/** Change something, then show it. @param {() => void} change @param {boolean} isStep as Back understands it */
function go(change, isStep = true) {
  queries.giveUp(); // else an answer about the old range would be drawn in the new one
  if (isStarted) range.problem = ""; // what the address said is no longer shown
  change();
  writeAddress(isStep);
  clearTimeout(showTimer);
  showTools();
  showTimer = window.setTimeout(show, SHOW_MS);
}

function showTools() {
  askOverview();
  useZone(places.timezones?.[place()]);
  bar.show();
  find("everything").hidden = hidden.size === 0;
  text(find("window"), range.kind ? "" : windowTitle(range.from, range.to));
  find("csv-power", HTMLAnchorElement).href = queries.csv(past(), source(), shownFields());
  find("csv-energy", HTMLAnchorElement).href = queries.totalsCsv(past(), gateway);
}

/** Return what of the range has been; a calendar period may go on. */
const past = () => ({ from: range.from, to: Math.max(range.from, Math.min(range.to, Math.floor(serverNow()))) });

/** Return the days that a window touches. @param {{from: number, to: number}} window */
const daysOf = ({ from, to }) => ({ first: isoDay(from), last: isoDay(Math.max(from, to - 1)) });

async function show() {
  const signal = queries.begin();
  range.follow();
  if (isUnknown()) {
    const configured = Object.entries(names).map(([id, name]) => ({ id, name }));
    showState(noSuchGateway(gateway, configured), true);
    document.documentElement.dataset.shown = "0";
    return;
  }
  const none = gateways?.length === 0;
  find("charts").classList.toggle("no-house", none);
  if (none) {
    showState("", false); // the sentence on top says it
    document.documentElement.dataset.shown = "0";
    return;
  }
  const findings = devices.show(queries, gateway, names);
  const { kind, day } = range;
  const days = daysOf(past());
  const asked = queries.power(range, gateway, signal);
  const spreads = asked.then((answer) => {
    const step = answer?.bucket_seconds ?? 0;
    return step > SPREAD_SECONDS ? queries.spread(range, source(), ALL_FIELDS, step, signal) : null;
  });
  const [power, spread, totals, minutes, outages, value, ...periods] = await Promise.all([
    asked,
    spreads,
    queries.totals(past(), gateway, signal),
    recordedMinutes(gateway),
    queries.outages(past(), gateway, signal),
    queries.value(days, source(), signal),
    ...(kind ? COMPARISONS.map((one) => queries.calendar(kind, day, one, gateway, signal)) : []),
  ]);
  if (signal.aborted) return;
  showOutages(outages, names, place() in (places.first_days ?? {}));
  showValue(value, days);
  // Of longer bars only a part may have been filled in, and nobody knows which.
  const filled = totals?.step === "hour" ? totals.rows.filter((row) => row.filled_seconds) : [];
  chart.shade(
    spansOf(outages, past().to),
    filled.map((row) => [row.start, row.end]),
  );
  clearTimeout(retryTimer);
  const isEmpty = power?.enabled !== false && !power?.points?.length;
  if (!power || (isEmpty && range.isMoving)) {
    retryTimer = window.setTimeout(again, PAUSES_MS[Math.min(unanswered++, PAUSES_MS.length - 1)]);
  } else unanswered = 0;
  if (!power) showState(say("history.noAnswer"), true);
  else if (power.enabled === false) showState(say("history.off"), false);
  else showState(range.problem, Boolean(range.problem));
  if (power) {
    const merged = merge(
      spread ? { ...power, points: pointsOf(spread, power.points ?? [], power.bucket_seconds) } : power,
      minutes.filter((one) => one.ts >= range.from && one.ts <= range.to),
    );
    text(find("bands"), spread ? say("history.bands") : "");
    const columns = [...merged.columns, ...bandColumns(merged.times, spread)];
    chart.update(withGaps(merged.times, columns, merged.bucket), [range.from, range.to]);
  }
  if (totals) {
    energies.show(totals);
    showTotals(totalOf(totals.total), rangeTitle(range));
    text(
      find("filled"),
      totals.total?.filled_seconds ? say("history.filledIn", { time: span(totals.total.filled_seconds) }) : "",
    );
    showComparison(kind ? comparedPeriods(periods, kind) : comparedWindows(totals));
    showTable(energies.bars, totals.step);
  }
  await signals.show(queries, range, { catalogue, gateway, unit, hidden, signal });
  await findings;
  if (signal.aborted) return;
  document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown ?? 0) + 1);
}

/** @param {string} words @param {boolean} bad */
function showState(words, bad) {
  find("state").classList.toggle("bad", bad);
  text(find("state"), words);
}

/** Build what stays, and listen to the tools. */
function build() {
  find("everything").addEventListener("click", () => {
    hidden.clear();
    keepChoice();
    location.reload();
  });
  addEventListener("popstate", async () => {
    queries.giveUp();
    for (const name of [...query.keys()]) query.delete(name);
    for (const [name, value] of new URLSearchParams(location.search)) query.set(name, value);
    gateway = query.get("gateway") ?? "";
    unit = query.get("pw") ?? "";
    showHouses();
    askTopSentence();
    await loadCatalogue();
    go(() => range.open(query), false);
  });
  find("unit").addEventListener("change", () => {
    go(() => {
      unit = find("unit", HTMLSelectElement).value;
    });
  });
  find("power").tabIndex = 0;
  find("power").addEventListener("wheel", turnWheel, { passive: false });
  find("power").addEventListener("keydown", pressKey);
  for (const name of hidden) {
    document.querySelector(`[data-metric="${CSS.escape(name)}"]`)?.setAttribute("hidden", "");
  }
}

/** Zoom where the pointer is (Ctrl), or move (Shift). @param {WheelEvent} event */
function turnWheel(event) {
  if (!event.ctrlKey && !event.shiftKey) return;
  event.preventDefault();
  const by = Math.sign(event.deltaY || event.deltaX);
  if (event.shiftKey) go(() => range.move(by * 0.1), false);
  else go(() => range.zoom(by > 0 ? 1.25 : 0.8, chart.secondAt(event.clientX)), false);
}

/** Do the same with the keyboard. @param {KeyboardEvent} event */
function pressKey(event) {
  /** @type {Record<string, () => void>} */
  const actions = {
    PageUp: () => range.move(-0.25),
    PageDown: () => range.move(0.25),
    "+": () => range.zoom(0.5),
    "-": () => range.zoom(2),
  };
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (!action) return;
  event.preventDefault();
  go(action, false);
}

/**
 * Fill a list of choices.
 * @param {string} id
 * @param {[value: string, words: string][]} options
 * @param {string} chosen
 */
function fillSelect(id, options, chosen) {
  const elements = options.map(([value, words]) => h("option", { value, selected: value === chosen }, words));
  find(id).replaceChildren(h("option", { value: "" }, say("history.allUnits")), ...elements);
}

async function loadCatalogue() {
  catalogue = isUnknown() ? null : await queries.signals(gateway);
  const units = unitsOf(catalogue);
  find("unit-label").hidden = units.length < 2;
  fillSelect(
    "unit",
    units.map((one) => [one, one]),
    unit,
  );
  if (units.length && !units.includes(unit)) unit = "";
}

/** Ask which gateways and signals there are. */
async function loadChoices() {
  const status = await queries.status();
  if (status) {
    places = status;
    names = status.gateway_names ?? {};
    // Those of which nothing has been recorded yet as well: a house that is away must not disappear.
    gateways = [...new Set([...Object.keys(names), ...(status.gateways ?? [])])];
    showHouses();
    if (gateway) askTopSentence();
  }
  await loadCatalogue();
}

const choice = new HouseChoice(async (id) => {
  queries.giveUp();
  gateway = id;
  askTopSentence();
  await loadCatalogue();
  go(() => range.follow());
});

/** Ask how all houses are, for the choice of house; while all are shown the sentence on top asks for it. */
async function askOverview() {
  if (!gateway || !gateways || gateways.length < 2) return;
  overview = (await load("api/site"))?.gateways ?? [];
  showHouses();
}

/** Offer the houses, also those of which nothing is recorded; in the order of the configuration, as on the other pages. */
function showHouses() {
  if (!gateways) return;
  const listed = overview.filter(({ id }) => Object.hasOwn(names, id));
  const others = gateways.filter((id) => !listed.some((one) => one.id === id));
  // What was last heard of another house than the chosen one is older than the overview.
  const now = shown?.id === gateway ? shown : null;
  choice.show([...listed, ...others.map((id) => ({ id, name: names[id] ?? id }))], gateway, now);
}

/** Say what is wrong with the history as a whole: that it is not on the disk, or that something was not taken over. */
async function showWarnings() {
  const warnings = await queries.warnings();
  find("warnings").hidden = !warnings.length;
  find("warnings").replaceChildren(...warnings.map((warning) => h("p", {}, warning)));
}

/** Show what there is now; choices that could not be had, or of which there were none yet, are asked for again. */
async function again() {
  clearTimeout(retryTimer);
  if (!gateways || !Object.keys(places.first_days ?? {}).length) await loadChoices();
  else if (!catalogue?.series?.length) await loadCatalogue();
  askOverview();
  await show();
}

async function start() {
  build();
  offerKiosk("history", query);
  showTools();
  showWarnings();
  await loadChoices();
  askOverview();
  useZone(places.timezones?.[place()]);
  go(() => range.open(query, range.name)); // the days of the address are those of the house
  isStarted = true;
  setInterval(() => {
    if (!document.hidden && range.isMoving && !unanswered) again();
  }, RENEW_MS);
  addEventListener("online", again);
}
start();
