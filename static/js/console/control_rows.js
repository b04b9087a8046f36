// The rows of the control card: what is set now, and the buttons that send commands.
import { h, text } from "../core/dom.js";
import { DASH, IDLE_WATTS, known, moment, number, percent, power } from "../core/format.js";
import { EXPORTS, MODES } from "../core/labels.js";

/**
 * @import { Figure } from "../core/format.js"
 * @import { GatewayEntry } from "../core/subject.js"
 * @import { Question } from "./send_command.js"
 *
 * @typedef {(action: string, body: Record<string, unknown>, question: Question, done?: () => void) => void} Send
 * @typedef {keyof typeof TITLES} ControlName
 *
 * What is set now.
 * @typedef {object} Settings
 * @property {Figure} reserve percent, on the app's scale
 * @property {string | null} [mode]
 * @property {boolean | null} [grid_charging]
 * @property {string | null} [grid_export]
 * @property {Figure} [at] since when it may have changed
 */

export const TITLES = {
  reserve: "Backup reserve",
  mode: "Mode",
  grid_charging: "Charging from the grid",
  grid_export: "Export",
  max_backup: "Full backup",
  islanding: "Grid connection",
  dispatch: "Battery dispatch (W, min)",
};
/** The modes that can be set; gateways may be in others. */
const SETTABLE_MODES = ["self_consumption", "backup", "autonomous"];
const BACKUP_SECONDS = { 3600: "1 hour", 7200: "2 hours", 14400: "4 hours", 28800: "8 hours", 86400: "24 hours" };
/** @type {Record<string, string>} */
const GRID_WORDS = { UP: "on grid", DOWN: "off grid", SYNCING: "reconnecting" };

export class ControlRows {
  /** What the reader has changed and not sent: it is not overwritten. @type {Set<ControlName>} */
  touched = new Set();
  now = new Map(Object.keys(TITLES).map((name) => [name, h("span.now")]));

  /**
   * ``house`` returns the house that commands go to.
   * @param {Send} send
   * @param {() => GatewayEntry | undefined} house
   */
  constructor(send, house) {
    this.send = send;
    this.house = house;
    const modes = Object.fromEntries(SETTABLE_MODES.map((name) => [name, MODES[name]]));
    this.mode = this.select("mode", modes);
    this.exporting = this.select("grid_export", EXPORTS);
    this.charging = this.select("grid_charging", { true: "Allowed", false: "Not allowed" });
    this.hours = this.select("max_backup", BACKUP_SECONDS);
    this.reserve = h("output", {}, DASH);
    const range = { type: "range", min: 0, max: 100, step: 1, value: 20 };
    this.slider = h("input", { ...range, "aria-labelledby": "control-reserve" });
    this.slider.addEventListener("input", () => {
      this.touched.add("reserve");
      text(this.reserve, percent(Number(this.slider.value)));
    });
    this.elements = [...this.reserveAndMode(), ...this.gridRules(), this.backup(), this.islanding(), this.dispatch()];
  }

  /** @param {ControlName} name @param {Element[]} parts */
  row(name, ...parts) {
    const attributes = { role: "group", "aria-labelledby": `control-${name}`, "data-control": name };
    const title = h("span.name", { id: `control-${name}` }, TITLES[name]);
    return h("div.control", attributes, title, this.now.get(name), h("div.row", {}, ...parts));
  }

  /** @param {ControlName} name @param {Record<string, string>} options */
  select(name, options) {
    const list = Object.entries(options).map(([value, words]) => h("option", { value }, words));
    const element = h("select", { "aria-labelledby": `control-${name}` }, ...list);
    element.addEventListener("change", () => this.touched.add(name));
    return element;
  }

  /**
   * Make a button that sends a command; ``about``: what is set by it.
   * @param {string} label
   * @param {() => [action: string, body: Record<string, unknown>, question: Question]} command
   * @param {ControlName} [about]
   */
  button(label, command, about) {
    const done = () => about && this.touched.delete(about);
    return h("button.button", { type: "button", click: () => this.send(...command(), done) }, label);
  }

  reserveAndMode() {
    const set = this.button(
      "Set",
      () => {
        const value = Number(this.slider.value);
        return ["reserve", { value }, { title: "Set reserve", words: `Keep ${percent(value)} for outages?` }];
      },
      "reserve",
    );
    const hold = this.button(
      "Hold",
      () => {
        const words = `Keep what is in the battery now (${percent(this.house()?.charge_percent)}) for outages?`;
        return ["reserve_hold", {}, { title: "Hold charge", words }];
      },
      "reserve",
    );
    const setMode = this.button(
      "Set",
      () => {
        const words = `Switch to “${chosenWords(this.mode)}”?`;
        return ["mode", { value: this.mode.value }, { title: "Set mode", words }];
      },
      "mode",
    );
    return [this.row("reserve", this.slider, this.reserve, set, hold), this.row("mode", this.mode, setMode)];
  }

  gridRules() {
    const setCharging = this.button(
      "Set",
      () => {
        const value = this.charging.value === "true";
        const words = `${value ? "Allow" : "Forbid"} charging from the grid?`;
        return ["grid_charging", { value }, { title: "Set grid charging", words }];
      },
      "grid_charging",
    );
    const setExport = this.button(
      "Set",
      () => {
        const words = `Export to the grid: ${chosenWords(this.exporting)}?`;
        return ["grid_export", { value: this.exporting.value }, { title: "Set export", words }];
      },
      "grid_export",
    );
    return [this.row("grid_charging", this.charging, setCharging), this.row("grid_export", this.exporting, setExport)];
  }

  backup() {
    const start = this.button("Start", () => {
      const words = `Charge fully and keep it for ${chosenWords(this.hours)}?`;
      return ["max_backup", { value: Number(this.hours.value) }, { title: "Start full backup", words }];
    });
    const end = this.button("End", () => {
      return ["max_backup", { value: "cancel" }, { title: "End full backup", words: "End the full backup now?" }];
    });
    return this.row("max_backup", this.hours, start, end);
  }

  islanding() {
    const leave = this.button("Go off grid", () => {
      const words = "The house will be cut from the grid and run on sun and battery alone.";
      const question = { title: "Go off grid", words, danger: true, word: "off grid" };
      return ["islanding", { value: "off_grid", confirm: true }, question];
    });
    const join = this.button("Reconnect", () => {
      const words = "Connect the house to the grid again?";
      return ["islanding", { value: "on_grid" }, { title: "Reconnect", words }];
    });
    return this.row("islanding", leave, join);
  }

  dispatch() {
    const ofWatts = { min: -30_000, max: 30_000, step: "any", value: 1000, "aria-label": "Watts, negative to charge" };
    const ofMinutes = { min: 1, max: 1440, step: 1, value: 10, "aria-label": "Minutes" };
    const watts = h("input", { type: "number", required: true, ...ofWatts });
    const minutes = h("input", { type: "number", required: true, ...ofMinutes });
    const start = h("button.button", { type: "button" }, "Dispatch");
    start.addEventListener("click", () => {
      if (!watts.reportValidity() || !minutes.reportValidity()) return;
      const wanted = Number(watts.value);
      const time = Number(minutes.value);
      const way = wanted >= 0 ? "Discharge" : "Charge";
      const what = `${way} with ${number(Math.abs(wanted))} W for ${number(time)} min?`;
      const words = `${what} This overrides the settings of reserve and export.`;
      const body = { power_watts: wanted, duration_seconds: time * 60 };
      this.send("dispatch", body, { title: "Dispatch", danger: wanted > 0, words });
    });
    const resume = this.button("Resume", () => {
      return ["resume", {}, { title: "Resume", words: "Give the battery back to its own plan?" }];
    });
    return this.row("dispatch", watts, minutes, start, resume);
  }

  /**
   * Show what is set now; ``pending``: what was commanded and is not confirmed yet.
   * @param {Settings | null} found
   * @param {FullBackup | null} backup
   * @param {Record<string, unknown>} pending
   */
  show(found, backup, pending) {
    const { mode, grid_charging: charging, grid_export: exporting, reserve } = found ?? {};
    const words = {
      reserve: percent(reserve),
      mode: mode ? (MODES[mode] ?? mode) : DASH,
      grid_charging: typeof charging === "boolean" ? (charging ? "Allowed" : "Not allowed") : DASH,
      grid_export: exporting ? (EXPORTS[exporting] ?? exporting) : DASH,
      max_backup: backupWords(backup),
    };
    for (const [name, said] of Object.entries(words)) {
      this.showNow(name, name in pending ? `${said} – being confirmed` : said);
    }
    if (!this.touched.has("reserve") && known(reserve)) {
      this.slider.value = String(Math.round(reserve));
      text(this.reserve, percent(Math.round(reserve)));
    }
    this.follow("mode", this.mode, mode);
    this.follow("grid_charging", this.charging, charging);
    this.follow("grid_export", this.exporting, exporting);
  }

  /** Show what the live figures tell. @param {GatewayEntry | undefined} house */
  showLive(house) {
    this.showNow("islanding", GRID_WORDS[house?.grid_state ?? ""] ?? DASH);
    this.showNow("dispatch", batteryWords(house?.battery_watts));
  }

  /** @param {string} name @param {string} words */
  showNow(name, words) {
    const element = this.now.get(name);
    if (element) text(element, words);
  }

  /** @param {ControlName} name @param {HTMLSelectElement} box @param {string | boolean | null | undefined} value */
  follow(name, box, value) {
    if (this.touched.has(name) || document.activeElement === box) return;
    if (value !== null && value !== undefined) box.value = String(value);
  }
}

/** @param {HTMLSelectElement} select */
const chosenWords = (select) => select.selectedOptions[0]?.text ?? "";

/** @param {FullBackup | null} backup */
function backupWords(backup) {
  if (!backup || "error" in backup) return DASH;
  return backup.manual_backup ? `until ${moment(backup.manual_backup.end_time)}` : "not running";
}

/** @param {Figure} watts */
function batteryWords(watts) {
  if (!known(watts)) return DASH;
  if (Math.abs(watts) < IDLE_WATTS) return "idle";
  return `${watts > 0 ? "discharging" : "charging"} ${power(Math.abs(watts))}`;
}
