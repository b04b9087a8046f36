// Words for states, the same on every page.
import { span } from "./format.js";

export const NO_ANSWER = "Connection to the server lost – trying again";
export const MODES = {
  self_consumption: "Self-powered", backup: "Backup only", autonomous: "Time-based control", scheduler: "Schedule",
  site_ctrl: "Site control", island_mode: "Island",
};
export const EXPORTS = { battery_ok: "Solar and battery", pv_only: "Solar only", never: "Never" };
export const CAUSES = {
  unreachable: "is not reachable", timeout: "does not answer in time", auth: "refuses the password", "rate-limit": "asks for a pause",
  "http-error": "answers with an error", garbage: "answers something unreadable", "no-data": "answers without data",
};
export const STATES = {
  ok: ["Online", "good"], connecting: ["Connecting", "warn"], degraded: ["Degraded", "warn"], fallback: ["Fallback", "warn"],
  "auth-failed": ["Login refused", "bad"], "backing-off": ["Waiting", "bad"],
};

/** The one thing to say loudly about a gateway or the site: [words, is it bad]. Nothing to say: ["", false]. */
export function notice(subject, ageSeconds, old) {
  if (!subject) return ["", false];
  if (!subject.data) return [subject.members > 1 ? "No gateway answers" : "No data from the gateway", true];
  // In coarse steps: this is read aloud whenever it changes.
  if (subject.stale || old) return [`Gateway not answering – figures ${ageSeconds < 30 ? "some seconds" : span(Math.floor(ageSeconds / 30) * 30)} old`, true];
  if (subject.gridStatus === "DOWN") return ["Grid is down – the house runs on its own", true];
  if (subject.gridStatus === "SYNCING") return ["Reconnecting to the grid", false];
  if (subject.contributing < subject.members) return [`Only ${subject.contributing} of ${subject.members} gateways answer`, false];
  return ["", false];
}
