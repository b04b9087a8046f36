// Words for states and settings, the same on every page.

export const NO_ANSWER = "Connection to the server lost – trying again";
export const SCALE = "Charge as in the app";

/** Modes of operation. @type {Record<string, string>} */
export const MODES = {
  self_consumption: "Self-powered",
  backup: "Backup only",
  autonomous: "Time-based control",
  scheduler: "Schedule",
  site_ctrl: "Site control",
  island_mode: "Island",
};

/** What may be sold to the grid. @type {Record<string, string>} */
export const EXPORTS = { battery_ok: "Solar and battery", pv_only: "Solar only", never: "Never" };

/** The states of a gateway, and of the site: [word, colour]. @type {Record<string, [string, string]>} */
export const STATES = {
  waiting: ["Connecting", "warn"],
  fresh: ["Live", "good"],
  stale: ["Stale", "warn"],
  away: ["No data", "bad"],
  none: ["No gateway", "bad"],
  unknown: ["No such gateway", "bad"],
};

/** What the seven-day checks are called. @type {Record<string, string>} */
export const CHECKS = {
  reachable: "Reachable",
  "no-serious-alert": "No serious alert",
  "on-grid": "On grid",
  "data-complete": "Data complete",
  "strings-in-step": "Strings in step",
  "clock-agrees": "Clock and time zone agree",
};

/** @type {Record<string, [string, string]>} */
export const CHECK_STATES = { pass: ["Passed", "good"], fail: ["Failed", "bad"], unknown: ["Not known", ""] };
