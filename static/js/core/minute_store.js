// One mean a minute of what this browser saw, in IndexedDB, for two days: a server that keeps its history in memory and
// was restarted still shows the day. Browsers that refuse IndexedDB simply have none.
import { serverNow } from "./server_clock.js";

const DAYS_KEPT = 2;
const KEYS = { solar_kw: "solar_watts", home_kw: "home_watts", battery_kw: "battery_watts", grid_kw: "grid_watts" };
let opening = null;
const minutes = new Map(); // gateway -> {minute, sums}

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

/** Note the newest figures of what is shown, and of every house of the overview; old ones and incomplete sums are not noted. */
export function record({ overview, shown }) {
  const minute = Math.floor(serverNow() / 60) * 60;
  const whole =
    overview && (shown?.several ?? true) && overview.site.state === "fresh" ? [{ ...overview.site, id: "" }] : [];
  const single = overview?.gateways.length === 1 && shown && !shown.several ? [{ ...shown, id: "" }] : [];
  const houses = shown?.several ? overview.gateways : shown ? [shown] : [];
  for (const one of [...whole, ...single, ...houses]) {
    if (one.state !== "fresh") continue;
    let sums = minutes.get(one.id);
    if (sums && sums.minute !== minute) {
      keep(one.id, sums);
      sums = null;
    }
    if (!sums) {
      sums = { minute, totals: {} };
      minutes.set(one.id, sums);
    }
    for (const [key, name] of [...Object.entries(KEYS), ["battery_level", "charge_percent"]]) {
      if (typeof one[name] !== "number") continue;
      sums.totals[key] ??= [0, 0];
      const total = sums.totals[key];
      total[0] += key === "battery_level" ? one[name] : one[name] / 1000;
      total[1] += 1;
    }
  }
}

async function keep(gateway, { minute, totals }) {
  const base = await database();
  if (!base) return;
  const row = { gateway, ts: minute };
  for (const [key, [sum, count]] of Object.entries(totals)) row[key] = Math.round((sum / count) * 1000) / 1000;
  try {
    const store = base.transaction("minutes", "readwrite").objectStore("minutes");
    store.put(row);
    if (minute % 3600 === 0) store.delete(IDBKeyRange.bound([gateway, 0], [gateway, minute - DAYS_KEPT * 86_400]));
  } catch {
    /* full: the server has it too */
  }
}

/** This browser's own minutes of the last 24 hours, oldest first. */
export async function recordedMinutes(gateway = "") {
  const base = await database();
  if (!base) return [];
  return new Promise((resolve) => {
    const from = serverNow() - 86_400;
    try {
      const request = base
        .transaction("minutes")
        .objectStore("minutes")
        .getAll(IDBKeyRange.bound([gateway || "", from], [gateway || "", Infinity]));
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
