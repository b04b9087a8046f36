// The history page: one range, all charts. The address always says what is shown.

import { BAR_LEGEND, dailyTotals, dayTotals, drawBars } from "../charts/energy_bars.js";
import { LineChart, withGaps, withZero } from "../charts/line_chart.js";
import { merge, SERIES } from "../charts/power_series.js";
import { attribute, h, keyed, text } from "../core/dom.js";
import { dateOf, day as dayName, energy, known, moment, number, percent } from "../core/format.js";
import { recordedMinutes } from "../core/minute_store.js";
import { noSuchGateway } from "../core/sentences.js";
import { serverNow } from "../core/server_clock.js";
import { settings } from "../core/settings.js";
import { dayEnd, dayStart, HistoryQueries, isoDay } from "./queries.js";
import { SignalCharts, unitsOf } from "./signal_charts.js";
import { NAMES, RANGES, TimeRange } from "./time_range.js";

const find = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const hidden = new Set((query.get("hide") || "").split(",").filter(Boolean));
const source = new HistoryQueries();
const PAUSES_MS = [1500, 3000, 6000, 12_000]; // before a server that does not answer is asked again
let firstDay = null,
  catalogue = null,
  gateways = null,
  days = [],
  timer = null,
  retry = null,
  failures = 0;
const range = new TimeRange(query, () => (firstDay ? dayStart(firstDay) : serverNow() - 86_400));
let gateway = query.get("gateway") ?? settings.gateway ?? "";
let unit = query.get("pw") ?? "";
let names = {}; // gateway id -> name, of all that are configured
const unknown = () => Boolean(gateway && gateways) && !(gateway in names);

const chart = new LineChart(find("power"), {
  series: SERIES,
  label: "Power and charge",
  hidden,
  sync: "history",
  scales: {
    kw: { range: withZero, show: (value) => number(value, Math.abs(value) < 10 && value % 1 ? 1 : 0) },
    percent: { range: [0, 100], show: (value) => `${value}%` },
  },
  onZoom: (from, to) => go(() => range.set(from, to)),
  onHide: () => write(),
});
const signals = new SignalCharts(find("signals"), (from, to) => go(() => range.set(from, to)));

function write() {
  range.write(query);
  for (const [name, value] of [
    ["gateway", gateway],
    ["pw", unit],
    ["hide", [...hidden].join()],
  ]) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, "", `?${query}`);
}

/** Change something, then show it. */
function go(change) {
  change();
  write();
  clearTimeout(timer);
  tools();
  timer = setTimeout(show, 60);
}

function tools() {
  for (const button of find("ranges").children)
    attribute(button, "aria-pressed", String(button.dataset.range === range.name));
  find("from").value = isoDay(range.from);
  find("to").value = isoDay(range.to - 1);
  find("to").max = find("from").max = isoDay(serverNow());
  find("forward").disabled = range.to >= serverNow() - 60;
  text(find("window"), `${moment(range.from)} – ${moment(range.to)}`);
  const csv = gateway || (gateways?.length > 1 ? "aggregate" : "");
  find("csv-power").href = source.csv(range, csv, [
    "solar",
    "load",
    "battery",
    "site",
    "soe",
    "grid",
    "reserve",
    "mode",
  ]);
  find("csv-energy").href = source.csv(
    range,
    csv,
    ["solar_kwh", "home_kwh", "battery_charge_kwh", "battery_discharge_kwh", "grid_import_kwh", "grid_export_kwh"],
    range.to - range.from > 3 * 86_400 ? "1d" : "15m",
  );
}

async function show() {
  const signal = source.begin();
  range.follow();
  if (unknown()) {
    find("state").classList.add("bad");
    text(
      find("state"),
      noSuchGateway(
        gateway,
        Object.entries(names).map(([id, name]) => ({ id, name })),
      ),
    );
    document.documentElement.dataset.shown = "0";
    return;
  }
  const [power, daily, mine] = await Promise.all([
    source.power(range, gateway, signal),
    source.days(range, gateway, signal),
    recordedMinutes(gateway),
  ]);
  if (signal.aborted) return;
  const state = find("state");
  state.classList.toggle("bad", !power);
  clearTimeout(retry);
  if (power) failures = 0;
  else retry = setTimeout(again, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
  text(
    state,
    !power
      ? "The server does not answer – trying again"
      : power.enabled === false
        ? "History is switched off on the server"
        : "",
  );
  if (power) {
    const merged = merge(
      power,
      mine.filter((one) => one.ts >= range.from && one.ts <= range.to),
    );
    chart.update(withGaps(merged.times, merged.columns, merged.bucket), [range.from, range.to]);
  }
  if (daily) {
    days = dailyTotals(daily, gateway);
    bars();
    totals();
    table();
  }
  await signals.show(source, range, { catalogue, gateway, unit, hidden, signal });
  document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown ?? 0) + 1);
}

const bars = () =>
  drawBars(find("energy"), days.slice(-400), { onDay: (one) => go(() => range.between(dayStart(one), dayEnd(one))) });

const FIGURES = [
  ["solar", "Solar", "solar"],
  ["home", "Home", "home"],
  ["grid_import", "Bought", "grid"],
  ["grid_export", "Sold", "grid"],
  ["battery_charge", "Charged", "battery"],
  ["battery_discharge", "Discharged", "battery"],
];
const kwh = (value) => energy(known(value) ? value * 1000 : null);

/** Whole days only: the figures are those of the days the range touches. */
function totals() {
  const sum = dayTotals(
    "",
    days.map((one) => Object.fromEntries(FIGURES.map(([name]) => [`${name}_kwh`, one[name]]))),
  );
  const entries = [
    ...FIGURES.map(([name, label, colour]) => [label, kwh(sum[name]), colour]),
    ["Self-powered", percent(sum.own), ""],
  ];
  const labels = entries.map(([label]) => label);
  const rows = keyed(find("totals"), labels, (label) => {
    const colour = entries[labels.indexOf(label)][2];
    const swatch = colour ? h("span.swatch", { style: `--colour: var(--${colour})` }) : null;
    return h("div", {}, h("dt", {}, swatch, label), h("dd"));
  });
  for (const [index, [, words]] of entries.entries()) text(rows[index].lastChild, words);
  text(
    find("totals-title"),
    days.length > 1
      ? `Energy in these ${number(days.length)} days`
      : days.length
        ? `Energy on ${dayName(dateOf(days[0].day))}`
        : "Energy",
  );
}

function table() {
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, "Day"),
      ...FIGURES.map(([, label]) => h("th", { scope: "col" }, `${label} kWh`)),
      h("th", { scope: "col" }, "Self-powered"),
    ),
  );
  const rows = [...days]
    .reverse()
    .slice(0, 800)
    .map((one) =>
      h(
        "tr",
        {},
        h(
          "th",
          { scope: "row" },
          h(
            "time",
            { datetime: one.day },
            dateOf(one.day).toLocaleDateString(undefined, {
              weekday: "short",
              day: "numeric",
              month: "short",
              year: "numeric",
            }),
          ),
        ),
        ...FIGURES.map(([name]) => h("td", {}, number(one[name], 2))),
        h("td", {}, percent(one.own)),
      ),
    );
  find("table").replaceChildren(head, h("tbody", {}, ...rows));
}

function build() {
  for (const name of Object.keys(RANGES))
    find("ranges").append(
      h("button", { type: "button", "data-range": name, click: () => go(() => range.choose(name)) }, NAMES[name]),
    );
  find("energy-legend").append(
    ...BAR_LEGEND.map(([name, label]) => h("span", {}, h("span.swatch", { style: `--colour: var(--${name})` }), label)),
  );
  find("back").addEventListener("click", () => go(() => range.move(-0.5)));
  find("forward").addEventListener("click", () => go(() => range.move(0.5)));
  find("out").addEventListener("click", () => go(() => range.zoom(2)));
  find("in").addEventListener("click", () => go(() => range.zoom(0.5)));
  for (const id of ["from", "to"])
    find(id).addEventListener("change", () => {
      if (!find("from").value || !find("to").value) return; // a date half written
      const from = dayStart(find("from").value),
        to = dayEnd(find("to").value);
      if (from < to) go(() => range.between(from, to));
    });
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("gateway").addEventListener("change", async () => {
    gateway = find("gateway").value;
    await loadCatalogue();
    go(() => {});
  });
  find("unit").addEventListener("change", () =>
    go(() => {
      unit = find("unit").value;
    }),
  );
  // Wheel with Ctrl zooms where the pointer is, Shift and wheel pans; the same with the keyboard on the chart.
  find("power").tabIndex = 0;
  find("power").addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const by = Math.sign(event.deltaY || event.deltaX);
      if (event.shiftKey) return go(() => range.move(by * 0.1));
      const at = chart.plot
        ? chart.plot.posToVal(event.clientX - chart.plot.over.getBoundingClientRect().left, "x")
        : undefined;
      go(() => range.zoom(by > 0 ? 1.25 : 0.8, at));
    },
    { passive: false },
  );
  find("power").addEventListener("keydown", (event) => {
    const action = {
      ArrowLeft: () => range.move(-0.25),
      ArrowRight: () => range.move(0.25),
      "+": () => range.zoom(0.5),
      "-": () => range.zoom(2),
    }[event.key];
    if (action) {
      event.preventDefault();
      go(action);
    }
  });
  for (const name of hidden) document.querySelector(`[data-metric="${CSS.escape(name)}"]`)?.setAttribute("hidden", "");
  new ResizeObserver(bars).observe(find("energy"));
}

async function loadCatalogue() {
  catalogue = unknown() ? null : await source.signals(gateway);
  const units = unitsOf(catalogue);
  find("unit-label").hidden = units.length < 2;
  find("unit").replaceChildren(
    h("option", { value: "" }, "All"),
    ...units.map((one) => h("option", { value: one, selected: one === unit }, one)),
  );
  if (unit && !units.includes(unit)) unit = "";
}

/** Which gateways and signals there are: asked until it is known. */
async function acquaint() {
  const status = await source.status();
  if (status) {
    gateways = status.gateways ?? [];
    names = status.gateway_names ?? {};
    const listed = [...new Set([...gateways, ...(gateway ? [gateway] : [])])];
    find("gateway-label").hidden = listed.length < 2 && !unknown();
    find("gateway").replaceChildren(
      h("option", { value: "" }, "All"),
      ...listed.map((id) => h("option", { value: id, selected: id === gateway }, names[id] ?? id)),
    );
  }
  const first = firstDay
    ? null
    : source.firstDay().then((found) => {
        firstDay = found;
      });
  if (range.name === "all") await first;
  await loadCatalogue();
}

async function again() {
  clearTimeout(retry);
  if (!gateways || !catalogue) await acquaint();
  await show();
}

async function start() {
  build();
  tools();
  await acquaint();
  go(() => range.follow());
  setInterval(() => {
    if (!document.hidden && range.name && !failures) show();
  }, 60_000);
  addEventListener("online", again);
}
start();
