// What the history page asks the server. Old questions are given up when a newer one is asked.

import { load } from "../core/load.js";
import { isoDay } from "../core/local_days.js";

/** @typedef {{from: number, to: number}} Window in epoch seconds */

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
    const first = inMemory ? [`Kept in memory only, it ends with this server: ${inMemory}`] : [];
    return [...first, ...(health?.history_not_taken ?? [])];
  }

  /** Ask for powers and charge. @param {Window} window @param {string} gateway @param {AbortSignal} signal */
  power({ from, to }, gateway, signal) {
    return load(`api/timeseries/trend?${query(gateway, { start: text(from), end: text(to) })}`, { signal });
  }

  /** Ask for the energies of each day. @param {Window} window @param {string} gateway @param {AbortSignal} signal */
  days({ from, to }, gateway, signal) {
    return load(`api/timeseries/daily?${query(gateway, { start: isoDay(from), end: isoDay(to - 1) })}`, { signal });
  }

  /** Ask for the first recorded day of all, "YYYY-MM-DD" or null. */
  async firstDay() {
    const answer = await load("api/timeseries/daily?start=2000-01-01&end=2999-12-31");
    return answer?.days?.at(-1)?.day ?? null;
  }

  /** Ask which signals are recorded. @param {string} gateway */
  signals(gateway) {
    return load(`api/timeseries/signals?${query(gateway, {})}`);
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
   * @param {string} [step]
   */
  csv({ from, to }, gateway, fields, step) {
    const parameters = { from: text(from), to: text(to), fields: fields.join(), format: "csv" };
    return `api/history?${query(gateway, { ...parameters, ...(step ? { step } : {}) })}`;
  }
}
