// Which lines and cards of the history are left out: by the address, else by what was chosen in this browser.
import { POWER_SERIES } from "../charts/power_series.js";
import { inherited, inheritedCards, remember, remembered } from "../core/settings.js";

const KEY = "pwserver.history.hidden";
const MOST = 100;
const NAME = /^[a-z0-9_]{1,40}$/;
/** What pypowerwall-server calls the lines of power. @type {Map<string, string>} */
const FORMER_NAMES = new Map(POWER_SERIES.map(({ key, name }) => [key, name]));

/** Return what the pages of pypowerwall-server have left: its cards as a list, its lines with commas. */
const left = () => [
  ...inheritedCards("pw_history_hidden_cards"),
  ...(inherited("pw_history_hide") ?? "").split(",", MOST),
];

/** Return what the address or this browser leaves out, by the names of ours. @param {URLSearchParams} query */
export function hiddenAtFirst(query) {
  const chosen = remembered(KEY);
  const names = query.get("hide")?.split(",", MOST) ?? (Array.isArray(chosen) ? chosen.slice(0, MOST) : left());
  return new Set(
    names
      .filter((name) => typeof name === "string" && NAME.test(name))
      .filter((name) => !name.endsWith("_kwh")) // of the bars, which here are parts of one whole
      .map((name) => FORMER_NAMES.get(name) ?? name),
  );
}

/** Keep the choice in this browser. @param {Set<string>} hidden */
export const keepHidden = (hidden) => remember(KEY, [...hidden]);
