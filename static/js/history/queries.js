// What the history page asks the server. Old questions are given up when a newer one is asked.
import { load } from "../core/dom.js";

const text = (number) => String(Math.round(number));
const isoDay = (seconds) => {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
};
/** The first second of a local day; where midnight is skipped, the first one after it. */
const dayStart = (isoDay) => new Date(`${isoDay}T00:00:00`).getTime() / 1000;
/** The first second of the next day: days on which clocks change have 23 or 25 hours. */
const dayEnd = (one) => {
  const noon = new Date(`${one}T12:00:00`);
  noon.setDate(noon.getDate() + 1);
  return dayStart(isoDay(noon.getTime() / 1000));
};

export { dayEnd, dayStart, isoDay };

const withGateway = (gateway, parameters) => new URLSearchParams({ ...parameters, ...(gateway ? { gateway } : {}) });

export class HistoryQueries {
  begin() {
    this.aborter?.abort();
    this.aborter = new AbortController();
    return this.aborter.signal;
  }

  status() {
    return load("api/timeseries/status");
  }

  power({ from, to }, gateway, signal) {
    return load(`api/timeseries/trend?${withGateway(gateway, { start: text(from), end: text(to) })}`, { signal });
  }

  days({ from, to }, gateway, signal) {
    return load(`api/timeseries/daily?${withGateway(gateway, { start: isoDay(from), end: isoDay(to - 1) })}`, {
      signal,
    });
  }

  /** The first recorded day of all, "YYYY-MM-DD" or null. */
  async firstDay() {
    const answer = await load("api/timeseries/daily?start=2000-01-01&end=2999-12-31");
    return answer?.days?.at(-1)?.day ?? null;
  }

  signals(gateway) {
    return load(`api/timeseries/signals?${withGateway(gateway, {})}`);
  }

  trend({ from, to }, metrics, gateway, signal) {
    return load(
      `api/timeseries/signal_trend?${withGateway(gateway, { metrics: metrics.join(), start: text(from), end: text(to) })}`,
      { signal },
    );
  }

  csv({ from, to }, gateway, fields, step) {
    return `api/history?${withGateway(gateway, { from: text(from), to: text(to), fields: fields.join(), format: "csv", ...(step ? { step } : {}) })}`;
  }
}
