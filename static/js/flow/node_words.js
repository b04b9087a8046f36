// The words of the drawing: what each node does, and the whole drawing for those who hear it.
import { DASH, IDLE_WATTS, known, percent, power } from "../core/format.js";
import { furtherMeters } from "../core/subject.js";

/**
 * @import { Figure } from "../core/format.js"
 * @import { Subject } from "../core/subject.js"
 */

const LONGEST_NAME = 17; // characters of a further meter's name that have room

/**
 * Say in which direction power flows; nothing while that is not known.
 * @param {Figure} watts
 * @param {string} plus
 * @param {string} minus
 * @param {string} idle
 */
export function direction(watts, plus, minus, idle) {
  if (!known(watts)) return "";
  if (watts >= IDLE_WATTS) return plus;
  return watts <= -IDLE_WATTS ? minus : idle;
}

/** Say how the house and the grid are connected. @param {Subject | null} subject */
export function gridWords(subject) {
  if (subject?.grid_state === "DOWN") return "Off grid";
  if (subject?.grid_state === "SYNCING") return "Reconnecting";
  const idle = subject?.grid_state === "UP" ? "Connected" : "Idle";
  return direction(subject?.grid_watts, "Importing", "Exporting", idle);
}

/** Write the name of a further meter, "backup_generator". @param {string} name */
export function meterName(name) {
  const words = `${name[0].toUpperCase()}${name.slice(1).replaceAll("_", " ")}`;
  return words.length > LONGEST_NAME ? `${words.slice(0, LONGEST_NAME - 1)}…` : words;
}

/** @param {Subject} subject */
function gridSentence({ grid_state: state, grid_watts: watts }) {
  if (state === "DOWN") return "Off grid";
  if (state === "SYNCING") return "Reconnecting to the grid";
  if (!known(watts)) return "Grid unknown";
  const size = power(Math.abs(watts));
  return direction(watts, `Importing ${size}`, `Exporting ${size}`, "No exchange with the grid");
}

/** @param {Subject} subject */
function batterySentence({ battery_watts: watts, charge_percent: charge }) {
  const level = known(charge) ? ` at ${percent(charge)}` : "";
  if (!known(watts)) return `Battery unknown${level}`;
  const size = power(Math.abs(watts));
  const words = direction(watts, `discharging ${size}`, `charging ${size}`, "on standby");
  return `Battery ${words}${level}`;
}

/** Say the whole drawing in sentences, for a screen reader. @param {Subject | null} subject @param {boolean} faded */
export function drawingInWords(subject, faded) {
  if (!subject?.known) return "No data from the gateway.";
  const { solar_watts: solar, home_watts: home } = subject;
  return [
    `Solar ${known(solar) ? power(solar) : DASH}`,
    `Home ${known(home) ? power(home) : DASH}`,
    gridSentence(subject),
    batterySentence(subject),
    ...furtherMeters(subject).map(([name, watts]) => `${meterName(name)} ${power(watts)}`),
    ...(faded ? ["These figures are old"] : []),
  ]
    .map((words) => `${words}.`)
    .join(" ");
}
