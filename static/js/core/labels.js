// Words for ids of the server, the same on every page.
import { say, sayId } from "./texts.js";

export const NO_ANSWER = say("page.lost");
export const SCALE = say("page.scale");
const LONGEST_NAME = 17; // characters of a further meter's name that have room

/** Write a mode of operation. @param {string} mode */
export const modeWords = (mode) => sayId("mode.", mode);

/** Write what may be sold to the grid. @param {string} rule */
export const exportWords = (rule) => sayId("export.", rule);

/** What may be sold to the grid, as it is chosen. */
export const EXPORTS = Object.fromEntries(["battery_ok", "pv_only", "never"].map((rule) => [rule, exportWords(rule)]));

/** The colours of the states of a gateway, and of the site. @type {Record<string, string>} */
const COLOURS = { waiting: "warn", fresh: "good", stale: "warn", away: "bad", none: "bad", unknown: "bad" };

/** Write the name of a further meter, "backup_generator". @param {string} name */
export function meterName(name) {
  const words = `${name[0].toUpperCase()}${name.slice(1).replaceAll("_", " ")}`;
  return words.length > LONGEST_NAME ? `${words.slice(0, LONGEST_NAME - 1)}…` : words;
}

/** Return the word for a state of a gateway or of the site, and its colour. @param {string} state */
export const stateWords = (state) => [sayId("state.", state), COLOURS[state] ?? "warn"];

/** Write what a seven-day check is called. @param {string} check */
export const checkWords = (check) => sayId("check.", check);

/** @type {Record<string, string>} */
const CHECK_COLOURS = { pass: "good", fail: "bad" };

/** Return the word for the state of a check, and its colour. @param {string} state */
export const checkStateWords = (state) => [sayId("check.", state), CHECK_COLOURS[state] ?? ""];
