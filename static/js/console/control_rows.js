// The rows of the control card: what is set now, and the buttons that send commands.
import { h, text } from "../core/dom.js";
import { DASH, IDLE_WATTS, known, moment, percent, power } from "../core/format.js";
import { EXPORTS, exportWords, modeWords } from "../core/labels.js";
import { say } from "../core/texts.js";

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
  reserve: say("control.reserve"),
  mode: say("control.mode"),
  grid_charging: say("control.grid_charging"),
  grid_export: say("control.grid_export"),
  max_backup: say("control.max_backup"),
  islanding: say("control.islanding"),
  dispatch: say("control.dispatch"),
};
/** The modes that can be set; gateways may be in others. */
const SETTABLE_MODES = ["self_consumption", "backup", "autonomous"];
const BACKUP_HOURS = [1, 2, 4, 8, 24];
/** @type {Record<string, string>} */
const GRID_WORDS = {
  UP: say("control.gridUp"),
  DOWN: say("control.gridDown"),
  SYNCING: say("control.gridSyncing"),
};

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
    const modes = Object.fromEntries(SETTABLE_MODES.map((name) => [name, modeWords(name)]));
    this.mode = this.select("mode", modes);
    this.exporting = this.select("grid_export", EXPORTS);
    this.charging = this.select("grid_charging", {
      true: say("control.allowed"),
      false: say("control.notAllowed"),
    });
    this.hours = this.select(
      "max_backup",
      Object.fromEntries(BACKUP_HOURS.map((n) => [n * 3600, say("control.hours", { n })])),
    );
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
      say("control.set"),
      () => {
        const value = Number(this.slider.value);
        return [
          "reserve",
          { value },
          { title: say("control.setReserve"), words: say("control.keepReserve", { percent: percent(value) }) },
        ];
      },
      "reserve",
    );
    const hold = this.button(
      say("control.hold"),
      () => {
        const words = say("control.keepCharge", { percent: percent(this.house()?.charge_percent) });
        return ["reserve_hold", {}, { title: say("control.holdCharge"), words }];
      },
      "reserve",
    );
    const setMode = this.button(
      say("control.set"),
      () => {
        const words = say("control.switchTo", { mode: chosenWords(this.mode) });
        return ["mode", { value: this.mode.value }, { title: say("control.setMode"), words }];
      },
      "mode",
    );
    return [this.row("reserve", this.slider, this.reserve, set, hold), this.row("mode", this.mode, setMode)];
  }

  gridRules() {
    const setCharging = this.button(
      say("control.set"),
      () => {
        const value = this.charging.value === "true";
        const words = value ? say("control.allowCharging") : say("control.forbidCharging");
        return ["grid_charging", { value }, { title: say("control.setCharging"), words }];
      },
      "grid_charging",
    );
    const setExport = this.button(
      say("control.set"),
      () => {
        const words = say("control.exportQuestion", { what: chosenWords(this.exporting) });
        return ["grid_export", { value: this.exporting.value }, { title: say("control.setExport"), words }];
      },
      "grid_export",
    );
    return [this.row("grid_charging", this.charging, setCharging), this.row("grid_export", this.exporting, setExport)];
  }

  backup() {
    const start = this.button(say("control.start"), () => {
      const words = say("control.backupQuestion", { time: chosenWords(this.hours) });
      return ["max_backup", { value: Number(this.hours.value) }, { title: say("control.startBackup"), words }];
    });
    const end = this.button(say("control.end"), () => {
      return [
        "max_backup",
        { value: "cancel" },
        { title: say("control.endBackup"), words: say("control.endQuestion") },
      ];
    });
    return this.row("max_backup", this.hours, start, end);
  }

  islanding() {
    const leave = this.button(say("control.goOffGrid"), () => {
      const words = say("control.offGridQuestion");
      const question = { title: say("control.goOffGrid"), words, danger: true, word: say("control.offGridWord") };
      return ["islanding", { value: "off_grid", confirm: true }, question];
    });
    const join = this.button(say("control.reconnect"), () => {
      const words = say("control.reconnectQuestion");
      return ["islanding", { value: "on_grid" }, { title: say("control.reconnect"), words }];
    });
    return this.row("islanding", leave, join);
  }

  dispatch() {
    const ofWatts = { min: -30_000, max: 30_000, step: "any", value: 1000, "aria-label": say("control.watts") };
    const ofMinutes = { min: 1, max: 1440, step: 1, value: 10, "aria-label": say("control.minutes") };
    const watts = h("input", { type: "number", required: true, ...ofWatts });
    const minutes = h("input", { type: "number", required: true, ...ofMinutes });
    const start = h("button.button", { type: "button" }, say("control.dispatchButton"));
    start.addEventListener("click", () => {
      if (!watts.reportValidity() || !minutes.reportValidity()) return;
      const wanted = Number(watts.value);
      const time = Number(minutes.value);
      const values = { watts: Math.abs(wanted), minutes: time };
      const words = say(wanted >= 0 ? "control.dischargeQuestion" : "control.chargeQuestion", values);
      const body = { power_watts: wanted, duration_seconds: time * 60 };
      this.send("dispatch", body, { title: say("control.dispatchButton"), danger: wanted > 0, words });
    });
    const resume = this.button(say("control.resume"), () => {
      return ["resume", {}, { title: say("control.resume"), words: say("control.resumeQuestion") }];
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
      mode: mode ? modeWords(mode) : DASH,
      grid_charging:
        typeof charging === "boolean" ? (charging ? say("control.allowed") : say("control.notAllowed")) : DASH,
      grid_export: exporting ? exportWords(exporting) : DASH,
      max_backup: backupWords(backup),
    };
    for (const [name, said] of Object.entries(words)) {
      this.showNow(name, name in pending ? say("control.confirming", { value: said }) : said);
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
  return backup.manual_backup
    ? say("control.until", { time: moment(backup.manual_backup.end_time) })
    : say("control.notRunning");
}

/** @param {Figure} watts */
function batteryWords(watts) {
  if (!known(watts)) return DASH;
  if (Math.abs(watts) < IDLE_WATTS) return say("control.idle");
  return say(watts > 0 ? "control.discharging" : "control.charging", { power: power(Math.abs(watts)) });
}
