// The words of the drawing: what each node does, and the whole drawing for those who hear it.
import { DASH, IDLE_WATTS, known, percent, power } from "../core/format.js";
import { meterName } from "../core/labels.js";
import { furtherMeters } from "../core/subject.js";
import { say } from "../core/texts.js";

/**
 * @import { Figure } from "../core/format.js"
 * @import { Subject } from "../core/subject.js"
 */

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
  if (subject?.grid_state === "DOWN") return say("flow.offGrid");
  if (subject?.grid_state === "SYNCING") return say("flow.reconnecting");
  const idle = subject?.grid_state === "UP" ? say("flow.connected") : say("flow.idle");
  return direction(subject?.grid_watts, say("flow.importing"), say("flow.exporting"), idle);
}

/** @param {Subject} subject */
function gridSentence({ grid_state: state, grid_watts: watts }) {
  if (state === "DOWN") return say("flow.spoken.grid.down");
  if (state === "SYNCING") return say("flow.spoken.grid.syncing");
  if (!known(watts)) return say("flow.spoken.grid.unknown");
  const size = { power: power(Math.abs(watts)) };
  const [plus, minus] = [say("flow.spoken.grid.importing", size), say("flow.spoken.grid.exporting", size)];
  return direction(watts, plus, minus, say("flow.spoken.grid.idle"));
}

/** @param {Subject} subject */
function batterySentence({ battery_watts: watts, charge_percent: charge }) {
  const size = { power: power(Math.abs(watts ?? 0)) };
  const [plus, minus] = [say("flow.spoken.discharging", size), say("flow.spoken.charging", size)];
  const what = direction(watts, plus, minus, say("flow.spoken.standby")) || say("flow.spoken.unknown");
  if (!known(charge)) return say("flow.spoken.battery", { what });
  return say("flow.spoken.batteryAt", { what, percent: percent(charge) });
}

/** Say the whole drawing in sentences, for a screen reader. @param {Subject | null} subject @param {boolean} faded */
export function drawingInWords(subject, faded) {
  if (!subject?.known) return say("flow.spoken.none");
  const { solar_watts: solar, home_watts: home } = subject;
  return [
    `${say("flow.solar")} ${known(solar) ? power(solar) : DASH}`,
    `${say("flow.home")} ${known(home) ? power(home) : DASH}`,
    gridSentence(subject),
    batterySentence(subject),
    ...furtherMeters(subject).map(([name, watts]) => `${meterName(name)} ${power(watts)}`),
    ...(faded ? [say("flow.spoken.old")] : []),
  ]
    .map((words) => `${words}.`)
    .join(" ");
}
