// uPlot in our colours. Loaded only by the pages that draw curves.
import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { h, text } from "../core/dom.js";
import { clock, DASH, known, moment, number } from "../core/format.js";
import { timeFormat, wallTime, zone } from "../core/local_days.js";
import { say } from "../core/texts.js";
import { decimalsOf } from "./scales.js";

/**
 * @import { Value } from "./scales.js"
 *
 * @typedef {object} Series
 * @property {string} name
 * @property {string} label
 * @property {string} colour the name of a colour of base.css
 * @property {string} scale the name of one of the chart's scales
 * @property {(value: number) => string} show
 * @property {number} [fill] percent of the colour below the line
 * @property {number[]} [dash]
 * @property {boolean} [band] between its lowest and highest values, whose columns follow those of all series
 *
 * @typedef {object} Scale
 * @property {[number, number] | ((plot: uPlot, low: Value, high: Value) => [number, number])} range
 * @property {string} [unit] of the axis
 *
 * @typedef {[number[], ...Value[][]]} Columns times in epoch seconds, then the values of each series, then the lowest
 *   and the highest of each that has a band
 * @typedef {[from: number, to: number]} Window of the time axis, in epoch seconds
 *
 * @typedef {object} ChartOptions
 * @property {Series[]} series
 * @property {Record<string, Scale>} scales
 * @property {string} label
 * @property {(from: number, to: number) => void} [onZoom] called after a drag
 * @property {Set<string>} [hidden] names of series, kept up to date
 * @property {() => void} [onHide]
 * @property {(epoch: number) => string} [at] writes what time it is below the pointer
 * @property {string} [sync] charts with the same word share the pointer
 */

const DAY_SECONDS = 86_400;
const SMALLEST_DRAG_PIXELS = 6;
const LINE_WIDTH = 1.75;
const BAND_PERCENT = 20; // of the colour

/** Colours for series that have no meaning of their own; they can be told apart in both themes. */
export const PALETTE = [
  "home",
  "solar",
  "battery",
  "grid",
  "bad",
  "warn",
  "muted",
  "home-ink",
  "battery-ink",
  "grid-ink",
];

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || name;

/** Return a colour that lets through what is below. @param {string} name @param {number} percent of it */
const tint = (name, percent) => `color-mix(in srgb, ${colour(name)} ${percent}%, transparent)`;

/** How large a pixel is drawn: more on a wall. */
const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

/**
 * A chart with a legend that shows the values below the pointer and switches series off. The arrow keys move the
 * pointer, too, and what is below it is read out.
 */
export class LineChart {
  /** @type {uPlot | null} */
  plot = null;
  /** @type {Columns | null} */
  data = null;
  /** @type {Window | null} */
  window = null;
  legend = h("div.legend");
  /** What is below the pointer: its time for the eye, all of it for the ear. */
  time = h("b.at");
  spoken = h("p.unseen", { "aria-live": "polite" });
  /** Spans that are shaded, in epoch seconds. @type {Window[]} */
  shaded = [];
  /** Spans that were filled in from elsewhere. @type {Window[]} */
  filled = [];

  /** @param {HTMLElement} room @param {ChartOptions} options */
  constructor(room, { series, scales, label, onZoom, hidden = new Set(), onHide, sync, at = moment }) {
    this.room = room;
    this.series = series;
    this.scales = scales;
    this.onZoom = onZoom;
    this.hidden = hidden;
    this.onHide = onHide;
    this.sync = sync;
    this.at = at;
    this.canvas = h("div.chart-canvas", { role: "img", "aria-label": label });
    room.replaceChildren(this.canvas);
    room.after(this.legend, this.spoken);
    this.legend.append(this.time);
    room.tabIndex = 0;
    room.setAttribute("role", "group");
    room.setAttribute("aria-label", say("chart.keys", { label }));
    room.addEventListener("keydown", (event) => this.press(event));
    this.values = series.map((one) => this.addToLegend(one));
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(room);
    this.themes = new MutationObserver(() => this.data && this.draw(this.data, this.window));
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** @param {Series} one */
  addToLegend(one) {
    const value = h("b");
    const swatch = h("span.swatch", { style: `--colour: var(--${one.colour})` });
    const shown = String(!this.hidden.has(one.name));
    const button = h("button", { type: "button", "aria-pressed": shown }, swatch, `${one.label} `, value);
    button.addEventListener("click", () => this.toggle(one, button));
    this.legend.append(button);
    return value;
  }

  /** @param {Series} one @param {HTMLButtonElement} button */
  toggle(one, button) {
    const off = !this.hidden.has(one.name);
    if (off) this.hidden.add(one.name);
    else this.hidden.delete(one.name);
    button.setAttribute("aria-pressed", String(!off));
    for (const place of [this.series.indexOf(one) + 1, ...this.bandOf(one)]) {
      this.plot?.setSeries(place, { show: !off });
    }
    this.onHide?.();
  }

  /** Return the columns of the lowest and highest values of a series; none where it has no band. @param {Series} one */
  bandOf(one) {
    if (!one.band) return [];
    const first = 1 + this.series.length + 2 * this.series.filter((other) => other.band).indexOf(one);
    return [first, first + 1];
  }

  /** Move the pointer with the arrow keys, and read out what is below it. @param {KeyboardEvent} event */
  press(event) {
    const { plot } = this;
    if (!plot || event.ctrlKey || event.altKey || event.metaKey) return;
    const times = plot.data[0];
    const last = times.length - 1;
    const at = plot.cursor.idx ?? null;
    const by = event.shiftKey ? 10 : 1;
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: at === null ? last : Math.max(0, at - by),
      ArrowRight: at === null ? 0 : Math.min(last, at + by),
      Home: 0,
      End: last,
    };
    if (!Object.hasOwn(places, event.key)) return;
    event.preventDefault();
    const place = places[event.key];
    plot.setCursor({ left: plot.valToPos(times[place], "x"), top: plot.over.clientHeight / 2 });
    const values = this.series.map((one, index) => `${one.label} ${this.valueAt(index, place)}`);
    text(this.spoken, `${this.at(times[place])}: ${values.join(", ")}`);
  }

  /**
   * Shade these spans, outages for instance, and in another colour those that were filled in.
   * @param {Window[]} spans
   * @param {Window[]} filled
   */
  shade(spans, filled = []) {
    this.shaded = spans;
    this.filled = filled;
    this.plot?.redraw(false);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.room;
    if (!this.plot || !width || !height) return;
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  /** Draw everything anew. @param {Columns} data @param {Window | null} window */
  draw(data, window) {
    this.data = data;
    this.window = window;
    this.plot?.destroy();
    this.plot = null;
    this.canvas.replaceChildren();
    if (data[0].length) this.plot = new uPlot(this.options(), data, this.canvas);
    else this.canvas.append(h("p.empty", {}, say("chart.nothing")));
  }

  /** Show these values, in the chart that is there if it can. @param {Columns} data @param {Window} window */
  update(data, window) {
    if (!this.plot || data[0].length === 0) {
      this.draw(data, window);
      return;
    }
    this.data = data;
    this.window = window;
    this.plot.setData(data, true);
    this.plot.setScale("x", { min: window[0], max: window[1] });
  }

  /** Return the second at this place of the page; undefined while nothing is drawn. @param {number} clientX */
  secondAt(clientX) {
    return this.plot?.posToVal(clientX - this.plot.over.getBoundingClientRect().left, "x");
  }

  /** @returns {uPlot.Options} */
  options() {
    const names = Object.keys(this.scales);
    const banded = this.series.filter((one) => one.band);
    return {
      width: this.room.clientWidth,
      height: this.room.clientHeight,
      tzDate: (at) => (zone() ? uPlot.tzDate(new Date(at * 1000), zone() ?? "") : new Date(at * 1000)),
      padding: [10, (names.length > 1 ? 0 : 26) * rem(), 0, 0], // room for half of the last time
      legend: { show: false },
      cursor: {
        drag: { x: Boolean(this.onZoom), y: false, setScale: false },
        points: { size: 7 },
        ...(this.sync ? { sync: { key: this.sync } } : {}),
      },
      scales: {
        x: { time: true, ...(this.window ? { range: () => this.window ?? [null, null] } : {}) },
        ...Object.fromEntries(names.map((name) => [name, { range: this.scales[name].range }])),
      },
      axes: this.axes(names),
      series: [{}, ...this.series.map((one) => this.line(one)), ...banded.flatMap((one) => this.edges(one))],
      bands: banded.map((one) => {
        const [low, high] = this.bandOf(one);
        return { series: [high, low], fill: tint(one.colour, BAND_PERCENT) };
      }),
      hooks: {
        drawClear: [(plot) => this.drawShades(plot)],
        setSelect: [(plot) => this.zoom(plot)],
        setCursor: [(plot) => this.showValues(plot)],
      },
    };
  }

  /** @param {string[]} names @returns {uPlot.Axis[]} */
  axes(names) {
    const size = rem();
    const font = `${12 * size}px ${getComputedStyle(document.body).fontFamily}`;
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: colour("muted"), font, grid, ticks: { show: false } };
    const ofTime = { ...axis, space: 64 * size, size: 30 * size, values: timeLabels };
    const ofScales = names.map((name, index) => ({
      ...axis,
      scale: name,
      side: /** @type {uPlot.Axis.Side} */ (index ? 1 : 3),
      size: 46 * size,
      space: 34 * size,
      label: this.scales[name].unit,
      labelFont: font,
      labelSize: 18 * size,
      labelGap: 0,
      grid: index ? { show: false } : grid,
      /** @param {uPlot} _plot @param {number[]} ticks @param {number} _axis @param {number} _space @param {number} step */
      values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => number(tick, decimalsOf(step))),
    }));
    return [ofTime, ...ofScales];
  }

  /** @param {Series} one @returns {uPlot.Series} */
  line(one) {
    return {
      label: one.label,
      scale: one.scale,
      stroke: colour(one.colour),
      width: LINE_WIDTH * rem(),
      dash: one.dash,
      show: !this.hidden.has(one.name),
      spanGaps: false,
      fill: one.fill ? tint(one.colour, one.fill) : undefined,
      points: { show: false },
    };
  }

  /** Return the edges of a band, which are not drawn themselves. @param {Series} one @returns {uPlot.Series[]} */
  edges({ scale, name }) {
    const edge = { scale, stroke: "transparent", width: 0, show: !this.hidden.has(name), points: { show: false } };
    return [edge, { ...edge }];
  }

  /** @param {uPlot} plot */
  drawShades(plot) {
    this.drawSpans(plot, this.filled, "filled");
    this.drawSpans(plot, this.shaded, "shade");
  }

  /** @param {uPlot} plot @param {Window[]} spans @param {string} name of the colour */
  drawSpans(plot, spans, name) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour(name);
    for (const [from, to] of spans) {
      const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
      if (right < bbox.left || left > bbox.left + bbox.width) continue;
      ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height); // the shortest one is seen, too
    }
    ctx.restore();
  }

  /** @param {uPlot} plot */
  zoom(plot) {
    const { left, width } = plot.select;
    if (width < SMALLEST_DRAG_PIXELS) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.onZoom?.(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  }

  /** Show the time and the values below the pointer in the legend. @param {uPlot} plot */
  showValues(plot) {
    const index = plot.cursor.idx ?? null;
    text(this.time, index === null ? "" : this.at(plot.data[0][index]));
    for (const [position, value] of this.values.entries()) {
      text(value, index === null ? "" : this.valueAt(position, index));
    }
  }

  /** Write a value of a series. @param {number} position @param {number} index */
  valueAt(position, index) {
    const value = this.plot?.data[position + 1][index];
    return known(value) ? this.series[position].show(value) : DASH;
  }

  remove() {
    this.sizes.disconnect();
    this.themes.disconnect();
    this.plot?.destroy();
    this.legend.remove();
    this.spoken.remove();
  }
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const AXIS = { dayMonth: { day: "numeric", month: "short" }, monthYear: { month: "short", year: "2-digit" } };
/** @param {string} form @param {number} at */
const written = (form, at) => timeFormat(form, AXIS[form]).format(at * 1000);

/**
 * @param {uPlot} _plot
 * @param {number[]} ticks
 * @param {number} _axis
 * @param {number} _space
 * @param {number} step
 */
function timeLabels(_plot, ticks, _axis, _space, step) {
  let last = "";
  return ticks.map((at) => {
    if (step >= DAY_SECONDS * 27) return written("monthYear", at);
    const day = written("dayMonth", at);
    if (step >= DAY_SECONDS) return day;
    // Some days have no midnight: then their first tick names them.
    const begins = day !== last && (last || wallTime(at).slice(11, 16) === "00:00");
    last = day;
    return begins ? day : clock(at);
  });
}
