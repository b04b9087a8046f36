// uPlot in our colours. Loaded only by the pages that draw curves.
import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { h, text } from "../core/dom.js";
import { clock, DASH, known } from "../core/format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || name;

/** Colours for series that have no meaning of their own; told apart in both themes. */
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

/**
 * A chart with a legend that shows the values below the pointer and switches series off.
 * ``series``: [{name, label, colour, scale, fill, show(value)}]; ``scales``: {name: {side, range, show(value)}}.
 * ``onZoom(from, to)`` after a drag. ``hidden``: a Set of series names, kept up to date.
 */
export class LineChart {
  constructor(room, { series, scales, label, onZoom, hidden = new Set(), onHide, sync }) {
    Object.assign(this, { room, series, scales, label, onZoom, hidden, onHide, sync });
    this.canvas = h("div.chart-canvas", { role: "img", "aria-label": label });
    this.legend = h("div.legend");
    room.replaceChildren(this.canvas);
    room.after(this.legend);
    this.values = series.map((one) => {
      const value = h("b");
      const button = h(
        "button",
        { type: "button", "aria-pressed": String(!hidden.has(one.name)), click: () => this.toggle(one, button) },
        h("span.swatch", { style: `--colour: var(--${one.colour})` }),
        `${one.label} `,
        value,
      );
      this.legend.append(button);
      return value;
    });
    this.observer = new ResizeObserver(() => this.size());
    this.observer.observe(room);
    this.themed = () => this.data && this.draw(this.data);
    window.addEventListener("pwserver:drawn", this.themed);
    new MutationObserver(this.themed).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  toggle(one, button) {
    const off = !this.hidden.has(one.name);
    if (off) this.hidden.add(one.name);
    else this.hidden.delete(one.name);
    button.setAttribute("aria-pressed", String(!off));
    this.plot?.setSeries(this.series.indexOf(one) + 1, { show: !off });
    this.onHide?.(this.hidden);
  }

  size() {
    const width = this.room.clientWidth,
      height = this.room.clientHeight;
    if (this.plot && width && height && (width !== this.plot.width || height !== this.plot.height))
      this.plot.setSize({ width, height });
  }

  /** Columns: times in epoch seconds, then one array a series. ``range``: [from, to] of the time axis. */
  draw(data, range) {
    this.data = data;
    if (range) this.range = range;
    const empty = data[0].length === 0;
    this.plot?.destroy();
    this.plot = null;
    this.canvas.replaceChildren();
    if (empty) {
      this.canvas.append(h("p.empty", {}, "Nothing recorded in this range"));
      return;
    }
    this.plot = new uPlot(this.options(), data, this.canvas);
  }

  update(data, range) {
    if (!this.plot || data[0].length === 0) {
      this.draw(data, range);
      return;
    }
    this.data = data;
    this.range = range;
    this.plot.setData(data, true);
    if (range) this.plot.setScale("x", { min: range[0], max: range[1] });
  }

  options() {
    const ink = colour("muted"),
      line = colour("line");
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // more on a wall
    const font = `${12 * rem}px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const names = Object.keys(this.scales);
    return {
      width: this.room.clientWidth,
      height: this.room.clientHeight,
      padding: [10, names.length > 1 ? 0 : 10, 0, 0],
      legend: { show: false },
      cursor: {
        drag: { x: Boolean(this.onZoom), y: false, setScale: false },
        points: { size: 7 },
        ...(this.sync ? { sync: { key: this.sync } } : {}),
      },
      scales: {
        x: { time: true, ...(this.range ? { range: () => this.range } : {}) },
        ...Object.fromEntries(names.map((name) => [name, { range: this.scales[name].range }])),
      },
      axes: [
        { ...axis, space: 64 * rem, size: 30 * rem, values: timeLabels },
        ...names.map((name, index) => ({
          ...axis,
          scale: name,
          side: index ? 1 : 3,
          size: 52 * rem,
          space: 34 * rem,
          grid: index ? { show: false } : axis.grid,
          values: (_, ticks) => ticks.map((tick) => this.scales[name].show(tick)),
        })),
      ],
      series: [
        {},
        ...this.series.map((one) => ({
          label: one.label,
          scale: one.scale,
          stroke: colour(one.colour),
          width: (one.width ?? 1.75) * rem,
          dash: one.dash,
          show: !this.hidden.has(one.name),
          spanGaps: false,
          fill: one.fill ? `color-mix(in srgb, ${colour(one.colour)} ${one.fill}%, transparent)` : undefined,
          points: { show: false },
        })),
      ],
      hooks: {
        setSelect: [
          (plot) => {
            if (plot.select.width < 6) return;
            const from = plot.posToVal(plot.select.left, "x"),
              to = plot.posToVal(plot.select.left + plot.select.width, "x");
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            this.onZoom?.(from, to);
          },
        ],
        setCursor: [(plot) => this.tell(plot)],
      },
    };
  }

  tell(plot) {
    const index = plot.cursor.idx;
    this.series.forEach((one, position) => {
      const value = index == null ? null : plot.data[position + 1][index];
      text(this.values[position], index == null ? "" : known(value) ? one.show(value) : DASH);
    });
    this.onPoint?.(index == null ? null : plot.data[0][index]);
  }

  remove() {
    window.removeEventListener("pwserver:drawn", this.themed);
    this.observer.disconnect();
    this.plot?.destroy();
    this.legend.remove();
  }
}

const dayMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const monthYear = new Intl.DateTimeFormat(undefined, { month: "short", year: "2-digit" });

function timeLabels(_plot, ticks, _axis, _space, step) {
  let last = "";
  return ticks.map((at) => {
    const date = new Date(at * 1000);
    if (step >= 86_400 * 27) return monthYear.format(date);
    if (step >= 86_400) return dayMonth.format(date);
    const day = dayMonth.format(date);
    // Some days have no midnight: then their first tick names them.
    const label = day !== last && (last || (date.getHours() === 0 && date.getMinutes() === 0)) ? day : clock(at);
    last = day;
    return label;
  });
}

/** A range that always contains zero and leaves a little air. */
export const withZero = (_, low, high) => {
  const min = Math.min(0, low ?? 0),
    max = Math.max(0, high ?? 0);
  const air = Math.max((max - min) * 0.06, 0.05);
  return [min < 0 ? min - air : 0, max > 0 ? max + air : air];
};

/** Break the line where points are further apart than a few buckets: a gap is a gap. */
export function withGaps(times, columns, bucket) {
  const outTimes = [],
    out = columns.map(() => []);
  times.forEach((at, index) => {
    if (index && at - times[index - 1] > bucket * 2.5) {
      outTimes.push(times[index - 1] + bucket);
      for (const column of out) column.push(null);
    }
    outTimes.push(at);
    for (const [position, column] of out.entries()) column.push(columns[position][index] ?? null);
  });
  return [outTimes, ...out];
}
