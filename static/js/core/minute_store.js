// One mean a minute of what this browser saw, in IndexedDB, for two days: so the day is also shown by a server that
// keeps its history in memory and was restarted. Browsers that refuse IndexedDB have none.
import { serverNow } from "./server_clock.js";

/**
 * @import { Subject } from "./subject.js"
 *
 * The powers in kW and the charge, under the names of /api/timeseries/trend.
 * @typedef {"solar_kw" | "home_kw" | "battery_kw" | "grid_kw" | "battery_level"} Column
 * @typedef {{gateway: string, ts: number} & {[column in Column]?: number}} Minute
 * @typedef {{minute: number, totals: {[column in Column]?: [sum: number, count: number]}}} Sums
 */

const DAYS_KEPT = 2;
const DAY_SECONDS = 86_400;
const COLUMNS = /** @type {const} */ ([
  ["solar_kw", "solar_watts", 1000],
  ["home_kw", "home_watts", 1000],
  ["battery_kw", "battery_watts", 1000],
  ["grid_kw", "grid_watts", 1000],
  ["battery_level", "charge_percent", 1],
]);
/** @type {Promise<IDBDatabase | null> | null} */
let opening = null;
/** The minute that is being added up, by gateway. @type {Map<string, Sums>} */
const minutes = new Map();

function database() {
  opening ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open("pwserver", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("minutes", { keyPath: ["gateway", "ts"] });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opening;
}

/**
 * Note the newest figures of what is shown, and of every house of the overview. Old ones and incomplete sums are left
 * out.
 * @param {{overview: SiteOverview | null, shown: Subject | null}} heard
 */
export function record({ overview, shown }) {
  const minute = Math.floor(serverNow() / 60) * 60;
  // The sum has the empty id; of a single house the sum is that house.
  const whole = overview?.site.state === "fresh" && (shown?.several ?? true) ? [{ ...overview.site, id: "" }] : [];
  const single = overview?.gateways.length === 1 && shown && !shown.several ? [{ ...shown, id: "" }] : [];
  const houses = shown?.several ? (overview?.gateways ?? []) : shown ? [shown] : [];
  for (const one of [...whole, ...single, ...houses]) {
    if (one.state !== "fresh") continue;
    let sums = minutes.get(one.id);
    if (sums?.minute !== minute) {
      if (sums) keep(one.id, sums);
      sums = { minute, totals: {} };
      minutes.set(one.id, sums);
    }
    for (const [column, name, divisor] of COLUMNS) {
      const value = one[name];
      if (typeof value !== "number") continue;
      const [sum, count] = sums.totals[column] ?? [0, 0];
      sums.totals[column] = [sum + value / divisor, count + 1];
    }
  }
}

/** @param {string} gateway @param {Sums} sums */
async function keep(gateway, { minute, totals }) {
  const base = await database();
  if (!base) return;
  /** @type {Record<string, number>} */
  const means = {};
  for (const [column, [sum, count]] of Object.entries(totals)) means[column] = Math.round((sum / count) * 1000) / 1000;
  try {
    const store = base.transaction("minutes", "readwrite").objectStore("minutes");
    store.put({ gateway, ts: minute, ...means });
    const oldest = minute - DAYS_KEPT * DAY_SECONDS;
    if (minute % 3600 === 0) store.delete(IDBKeyRange.bound([gateway, 0], [gateway, oldest]));
  } catch {
    // The storage is full; the server has the minute too.
  }
}

/**
 * Return this browser's own minutes of the last 24 hours, oldest first; without a gateway those of the sum.
 * @returns {Promise<Minute[]>}
 */
export async function recordedMinutes(gateway = "") {
  const base = await database();
  if (!base) return [];
  return new Promise((resolve) => {
    const range = IDBKeyRange.bound([gateway, serverNow() - DAY_SECONDS], [gateway, Infinity]);
    try {
      const request = base.transaction("minutes").objectStore("minutes").getAll(range);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve([]);
    } catch {
      resolve([]);
    }
  });
}

addEventListener("pagehide", () => {
  for (const [gateway, sums] of minutes) keep(gateway, sums);
});
