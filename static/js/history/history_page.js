// The history page: one range, all charts. The address always says what is shown.
import { BAR_LEGEND, dailyTotals, drawBars, totalOf } from "../charts/energy_bars.js";
import { LineChart } from "../charts/line_chart.js";
import { merge, POWER_SCALES, POWER_SERIES } from "../charts/power_series.js";
import { withGaps } from "../charts/scales.js";
import { attribute, find, h, text } from "../core/dom.js";
import { moment } from "../core/format.js";
import { offerKiosk } from "../core/kiosk.js";
import { dayEnd, dayStart, isoDay } from "../core/local_days.js";
import { recordedMinutes } from "../core/minute_store.js";
import { noSuchGateway } from "../core/sentences.js";
import { serverNow } from "../core/server_clock.js";
import { settings } from "../core/settings.js";
import { showTable, showTotals } from "./energy_figures.js";
import { hiddenAtFirst, keepHidden } from "./hidden_lines.js";
import { HistoryQueries } from "./queries.js";
import { SignalCharts, unitsOf } from "./signal_charts.js";
import { RANGES, TimeRange } from "./time_range.js";

/** @import { DayTotal } from "../charts/energy_bars.js" */

const DAY_SECONDS = 86_400;
const MOST_BARS = 400;
const SHOW_MS = 60; // after a change, so that a row of changes asks once
const RENEW_MS = 60_000;
// Before a server is asked again that does not answer, or that has just started and has recorded nothing yet.
const PAUSES_MS = [1500, 3000, 6000, 12_000];
const POWER_FIELDS = ["solar", "load", "battery", "site", "soe", "grid", "reserve", "mode"];
const ENERGY_FIELDS = [
  "solar_kwh",
  "home_kwh",
  "battery_charge_kwh",
  "battery_discharge_kwh",
  "grid_import_kwh",
  "grid_export_kwh",
];

const query = new URLSearchParams(location.search);
const hidden = hiddenAtFirst(query);
const queries = new HistoryQueries();
/** The first day that is recorded. @type {string | null} */
let firstDay = null;
/** @type {SignalCatalogue | null} */
let catalogue = null;
/** The ids of all gateways; null: not known yet. @type {string[] | null} */
let gateways = null;
/** Their names, by id. @type {Record<string, string>} */
let names = {};
/** @type {DayTotal[]} */
let days = [];
let showTimer = 0;
let retryTimer = 0;
let isStarted = false;
let unanswered = 0; // how often in a row there was no answer, or nothing recorded up to now
const range = new TimeRange(query, () => (firstDay ? dayStart(firstDay) : serverNow() - DAY_SECONDS));
let gateway = query.get("gateway") ?? settings.gateway;
let unit = query.get("pw") ?? "";

/** @param {number} from @param {number} to */
const zoomTo = (from, to) => go(() => range.set(from, to));
const chart = new LineChart(find("power"), {
  series: POWER_SERIES,
  label: "Power and charge",
  hidden,
  sync: "history",
  scales: POWER_SCALES,
  onZoom: zoomTo,
  onHide: keepChoice,
});
const signals = new SignalCharts(find("signals"), zoomTo);

/** Say whether a gateway is chosen that is not configured. */
const isUnknown = () => Boolean(gateway && gateways) && !Object.hasOwn(names, gateway);

function writeAddress() {
  range.write(query);
  for (const [name, value] of Object.entries({ gateway, pw: unit, hide: [...hidden].join() })) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, "", `?${query}`);
}

/** Keep which lines are left out: in this browser, and in the address. */
function keepChoice() {
  keepHidden(hidden);
  writeAddress();
  showTools();
}

/** Change something, then show it. @param {() => void} change */
function go(change) {
  queries.giveUp(); // else an answer about the old range would be drawn in the new one
  if (isStarted) range.problem = ""; // what the address said is no longer shown
  change();
  writeAddress();
  clearTimeout(showTimer);
  showTools();
  showTimer = window.setTimeout(show, SHOW_MS);
}

function showTools() {
  for (const button of find("ranges").querySelectorAll("button")) {
    attribute(button, "aria-pressed", String(button.dataset.range === range.name));
  }
  const [from, to] = [find("from", HTMLInputElement), find("to", HTMLInputElement)];
  from.value = isoDay(range.from);
  to.value = isoDay(range.to - 1);
  from.max = to.max = isoDay(serverNow());
  find("everything").hidden = hidden.size === 0;
  find("forward", HTMLButtonElement).disabled = range.to >= serverNow() - 60;
  text(find("window"), `${moment(range.from)} – ${moment(range.to)}`);
  const source = gateway || (gateways && gateways.length > 1 ? "aggregate" : "");
  const step = range.to - range.from > 3 * DAY_SECONDS ? "1d" : "15m";
  find("csv-power", HTMLAnchorElement).href = queries.csv(range, source, POWER_FIELDS);
  find("csv-energy", HTMLAnchorElement).href = queries.csv(range, source, ENERGY_FIELDS, step);
}

async function show() {
  const signal = queries.begin();
  range.follow();
  if (isUnknown()) {
    const configured = Object.entries(names).map(([id, name]) => ({ id, name }));
    showState(noSuchGateway(gateway, configured), true);
    document.documentElement.dataset.shown = "0";
    return;
  }
  const [power, daily, minutes] = await Promise.all([
    queries.power(range, gateway, signal),
    queries.days(range, gateway, signal),
    recordedMinutes(gateway),
  ]);
  if (signal.aborted) return;
  clearTimeout(retryTimer);
  const isEmpty = power?.enabled !== false && !power?.points?.length;
  if (!power || (isEmpty && range.name)) {
    retryTimer = window.setTimeout(again, PAUSES_MS[Math.min(unanswered++, PAUSES_MS.length - 1)]);
  } else unanswered = 0;
  if (!power) showState("The server does not answer – trying again", true);
  else if (power.enabled === false) showState("History is switched off on the server", false);
  else showState(range.problem, Boolean(range.problem));
  if (power) {
    const merged = merge(
      power,
      minutes.filter((one) => one.ts >= range.from && one.ts <= range.to),
    );
    chart.update(withGaps(merged.times, merged.columns, merged.bucket), [range.from, range.to]);
  }
  if (daily) {
    days = dailyTotals(daily, gateway);
    showBars();
    showTotals(totalOf(daily.sum), days);
    showTable(days);
  }
  await signals.show(queries, range, { catalogue, gateway, unit, hidden, signal });
  if (signal.aborted) return;
  document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown ?? 0) + 1);
}

/** @param {string} words @param {boolean} bad */
function showState(words, bad) {
  find("state").classList.toggle("bad", bad);
  text(find("state"), words);
}

function showBars() {
  /** @param {string} day */
  const onDay = (day) => go(() => range.between(dayStart(day), dayEnd(day)));
  drawBars(find("energy"), days.slice(-MOST_BARS), { onDay });
}

/** Build what stays, and listen to the tools. */
function build() {
  for (const [name, [, label]] of Object.entries(RANGES)) {
    const click = () => go(() => range.choose(name));
    find("ranges").append(h("button", { type: "button", "data-range": name, click }, label));
  }
  for (const [name, label] of BAR_LEGEND) {
    const swatch = h("span.swatch", { style: `--colour: var(--${name})` });
    find("energy-legend").append(h("span", {}, swatch, label));
  }
  const steps = {
    back: () => range.move(-0.5),
    forward: () => range.move(0.5),
    out: () => range.zoom(2),
    in: () => range.zoom(0.5),
  };
  find("everything").addEventListener("click", () => {
    hidden.clear();
    keepChoice();
    location.reload();
  });
  for (const [id, step] of Object.entries(steps)) find(id).addEventListener("click", () => go(step));
  for (const id of ["from", "to"]) find(id).addEventListener("change", chooseDays);
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("gateway").addEventListener("change", async () => {
    queries.giveUp();
    gateway = find("gateway", HTMLSelectElement).value;
    await loadCatalogue();
    go(() => {});
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
  new ResizeObserver(showBars).observe(find("energy"));
}

/** Show the days that were typed; a date half written is none. */
function chooseDays() {
  const [from, to] = [find("from", HTMLInputElement).value, find("to", HTMLInputElement).value];
  if (!from || !to) return;
  if (dayStart(from) < dayEnd(to)) go(() => range.between(dayStart(from), dayEnd(to)));
}

/** Zoom where the pointer is (Ctrl), or move (Shift). @param {WheelEvent} event */
function turnWheel(event) {
  if (!event.ctrlKey && !event.shiftKey) return;
  event.preventDefault();
  const by = Math.sign(event.deltaY || event.deltaX);
  if (event.shiftKey) go(() => range.move(by * 0.1));
  else go(() => range.zoom(by > 0 ? 1.25 : 0.8, chart.secondAt(event.clientX)));
}

/** Do the same with the keyboard. @param {KeyboardEvent} event */
function pressKey(event) {
  /** @type {Record<string, () => void>} */
  const actions = {
    ArrowLeft: () => range.move(-0.25),
    ArrowRight: () => range.move(0.25),
    "+": () => range.zoom(0.5),
    "-": () => range.zoom(2),
  };
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (!action) return;
  event.preventDefault();
  go(action);
}

/**
 * Fill a list of choices.
 * @param {string} id
 * @param {[value: string, words: string][]} options
 * @param {string} chosen
 */
function fillSelect(id, options, chosen) {
  const elements = options.map(([value, words]) => h("option", { value, selected: value === chosen }, words));
  find(id).replaceChildren(h("option", { value: "" }, "All"), ...elements);
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
    names = status.gateway_names ?? {};
    // Those of which nothing has been recorded yet as well: a house that is away must not disappear.
    gateways = [...new Set([...Object.keys(names), ...(status.gateways ?? [])])];
    const listed = [...new Set([...gateways, ...(gateway ? [gateway] : [])])];
    find("gateway-label").hidden = listed.length < 2 && !isUnknown();
    fillSelect(
      "gateway",
      listed.map((id) => [id, names[id] ?? id]),
      gateway,
    );
  }
  const first = firstDay ? null : loadFirstDay();
  if (range.name === "all") await first;
  await loadCatalogue();
}

/** Say what is wrong with the history as a whole: that it is not on the disk, or that something was not taken over. */
async function showWarnings() {
  const warnings = await queries.warnings();
  find("warnings").hidden = !warnings.length;
  find("warnings").replaceChildren(...warnings.map((warning) => h("p", {}, warning)));
}

async function loadFirstDay() {
  firstDay = await queries.firstDay();
}

/** Show what there is now; choices that could not be had, or of which there were none yet, are asked for again. */
async function again() {
  clearTimeout(retryTimer);
  if (!gateways) await loadChoices();
  else {
    if (!firstDay) loadFirstDay(); // for the next time
    if (!catalogue?.series?.length) await loadCatalogue();
  }
  await show();
}

async function start() {
  build();
  offerKiosk("history", query);
  showTools();
  showWarnings();
  await loadChoices();
  go(() => range.follow());
  isStarted = true;
  setInterval(() => {
    if (!document.hidden && range.name && !unanswered) again();
  }, RENEW_MS);
  addEventListener("online", again);
}
start();
