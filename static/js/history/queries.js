// What the history page asks the server. Old questions are given up when a newer one is asked.

import { load } from "../core/load.js";
import { say, translated } from "../core/texts.js";

/**
 * @import { SpreadRow } from "../charts/power_series.js"
 *
 * @typedef {{from: number, to: number}} Window in epoch seconds
 */

/** @param {number} epoch */
const text = (epoch) => String(Math.round(epoch));

/** @param {string} gateway @param {Record<string, string>} parameters */
const query = (gateway, parameters) => new URLSearchParams({ ...parameters, ...(gateway ? { gateway } : {}) });

export class HistoryQueries {
  /** @type {AbortController | null} */
  aborter = null;

  /** Give up what is asked. */
  giveUp() {
    this.aborter?.abort();
  }

  /** Give up what is asked, and return the signal of the next questions. */
  begin() {
    this.giveUp();
    this.aborter = new AbortController();
    return this.aborter.signal;
  }

  status() {
    return load("api/timeseries/status");
  }

  /**
   * Ask what is wrong with the history as a whole, each with its cause and what helps.
   * @returns {Promise<string[]>}
   */
  async warnings() {
    const health = await load("health");
    const inMemory = health?.history_in_memory;
    const unstored = health?.history_not_stored;
    const first = inMemory ? [say("history.inMemory", { why: translated(inMemory) })] : [];
    return [...first, ...[...(unstored ? [unstored] : []), ...(health?.history_not_taken ?? [])].map(translated)];
  }

  /** Ask for powers and charge. @param {Window} window @param {string} gateway @param {AbortSignal} signal */
  power({ from, to }, gateway, signal) {
    return load(`api/timeseries/trend?${query(gateway, { start: text(from), end: text(to) })}`, { signal });
  }

  /**
   * Ask for these fields, and their lowest and highest values, in points of so many seconds.
   * @param {Window} window
   * @param {string} source a gateway, or "aggregate"
   * @param {string[]} names
   * @param {number} step
   * @param {AbortSignal} signal
   * @returns {Promise<SpreadRow[] | null>}
   */
  async spread({ from, to }, source, names, step, signal) {
    const fields = names.flatMap((name) => [name, `${name}_min`, `${name}_max`]).join();
    const address = `api/history?${query(source, { from: text(from), to: text(to), step: text(step), fields })}`;
    const answer = /** @type {unknown} */ (await load(address, { signal }));
    return Array.isArray(answer) ? answer : null;
  }

  /** Ask for the energies of exactly this time. @param {Window} window @param {string} gateway @param {AbortSignal} signal */
  totals({ from, to }, gateway, signal) {
    return load(`api/history/totals?${query(gateway, { from: text(from), to: text(to) })}`, { signal });
  }

  /**
   * Ask for a calendar period beside the one before it, or beside the same of the year before.
   * @param {string} period
   * @param {string} day in it
   * @param {"before" | "year"} compare
   * @param {string} gateway
   * @param {AbortSignal} signal
   */
  async calendar(period, day, compare, gateway, signal) {
    const parameters = { period, count: "1", end: day, compare };
    const answer = await load(`api/history/calendar?${query(gateway, parameters)}`, { signal });
    return answer?.periods[0] ?? null;
  }

  /** Ask when the grid was away. @param {Window} window @param {string} gateway @param {AbortSignal} signal */
  outages({ from, to }, gateway, signal) {
    return load(`api/outages?${query(gateway, { from: text(from), to: text(to) })}`, { signal });
  }

  /**
   * Ask what the energy of these days was worth.
   * @param {{first: string, last: string}} days
   * @param {string} gateway
   * @param {AbortSignal} signal
   */
  value({ first, last }, gateway, signal) {
    return load(`api/value?${query(gateway, { step: "year", start: first, end: last })}`, { signal });
  }

  /** Ask how healthy the batteries are. @param {string} gateway @param {boolean} isDaily by each day of the last year, too */
  batteryHealth(gateway, isDaily) {
    return load(`api/battery/health?${query(gateway, isDaily ? {} : { from: "now" })}`);
  }

  /** Ask which solar string is weak; no days. @param {string} gateway */
  solarStrings(gateway) {
    return load(`api/solar/strings?${query(gateway, { from: "now" })}`);
  }

  /** Ask which signals are recorded. @param {string} gateway */
  signals(gateway) {
    return load(`api/timeseries/signals?${query(gateway, { units: "yes" })}`);
  }

  /**
   * Ask for the points of some signals.
   * @param {Window} window
   * @param {string[]} metrics
   * @param {string} gateway
   * @param {AbortSignal} signal
   */
  trend({ from, to }, metrics, gateway, signal) {
    const parameters = { metrics: metrics.join(), start: text(from), end: text(to) };
    return load(`api/timeseries/signal_trend?${query(gateway, parameters)}`, { signal });
  }

  /**
   * Return the address of a CSV file.
   * @param {Window} window
   * @param {string} gateway
   * @param {string[]} fields
   */
  csv({ from, to }, gateway, fields) {
    return `api/history?${query(gateway, { from: text(from), to: text(to), fields: fields.join(), format: "csv" })}`;
  }

  /** Return the address of the bars as a CSV file. @param {Window} window @param {string} gateway */
  totalsCsv({ from, to }, gateway) {
    return `api/history/totals?${query(gateway, { from: text(from), to: text(to), format: "csv" })}`;
  }
}
