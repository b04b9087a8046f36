import { load } from "../core/dom.js";
// From the server's message to what the pages show: one plain object a gateway and one for all of them together.
// A number nobody has measured stays null all the way.
const finite = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const meter = (data, name) => finite(data?.aggregates?.[name]?.instant_power);

/** Unit list of a gateway: one entry a Powerwall, numbered as in /pod. */
function units(data) {
  const blocks = data?.system_status?.battery_blocks;
  const listed = Array.isArray(blocks) ? blocks : [];
  const configured = Array.isArray(data?.tedapi_config?.battery_blocks) ? data.tedapi_config.battery_blocks : [];
  const found = listed.map((block) => ({ block, serial: String(block.PackageSerialNumber ?? "") }));
  for (const one of configured) {
    const serial = String(one.vin ?? "").split("--").pop();
    if (serial && !found.some((known) => known.serial === serial)) {
      found.push({ block: { PackageSerialNumber: serial, PackagePartNumber: String(one.vin).split("--")[0], Type: one.type }, serial });
    }
  }
  return found.map(({ block, serial }, index) => {
    const full = finite(block.nominal_full_pack_energy);
    const left = finite(block.nominal_energy_remaining);
    return { number: index + 1, serial, block, fullWh: full, leftWh: left,
      level: full && left !== null ? Math.min(100, Math.max(0, (left / full) * 100)) : null,
      type: configured.find((one) => String(one.vin ?? "").endsWith(serial))?.type || block.Type || "" };
  });
}

function gatewayOf(id, entry, timestamp) {
  const data = entry.data ?? null;
  const blocks = units(data);
  const full = finite(data?.system_status?.nominal_full_pack_energy);
  const last = finite(entry.last_updated);
  return {
    id,
    name: entry.gateway?.name || id,
    online: Boolean(entry.online),
    stale: Boolean(data) && !entry.online,
    error: entry.error ?? null,
    host: entry.gateway?.host ?? null,
    kind: entry.gateway?.type || "powerwall",
    data,
    lastUpdated: last,
    ageAtServer: last !== null && timestamp !== null ? Math.max(0, timestamp - last) : null,
    solar: meter(data, "solar"),
    home: meter(data, "load"),
    grid: meter(data, "site"),
    battery: meter(data, "battery"),
    soe: finite(data?.soe),
    reserve: finite(data?.reserve),
    mode: data?.mode ?? null,
    gridStatus: data?.grid_status ?? null,
    hoursLeft: finite(data?.time_remaining),
    fullWh: full || (blocks.length && blocks.every((one) => one.fullWh !== null) ? blocks.reduce((sum, one) => sum + one.fullWh, 0) : null),
    version: data?.version ?? null,
    siteName: data?.site_name || "",
    units: blocks,
    members: 1,
    contributing: data ? 1 : 0,
  };
}

const sum = (list, name) => {
  const parts = list.map((one) => one[name]).filter((value) => value !== null);
  return parts.length ? parts.reduce((total, value) => total + value, 0) : null;
};

/** The site: sums of those who know. ``contributing`` < ``members`` says that somebody is missing. */
function siteOf(gateways) {
  const giving = gateways.filter((one) => one.data);
  const charged = giving.filter((one) => one.soe !== null);
  const weighable = charged.length > 0 && charged.every((one) => one.fullWh);
  const weight = (one) => (weighable ? one.fullWh : 1);
  const total = charged.reduce((all, one) => all + weight(one), 0);
  const states = giving.map((one) => one.gridStatus).filter(Boolean);
  const same = (name) => (giving.length && giving.every((one) => one[name] === giving[0][name]) ? giving[0][name] : null);
  const dated = giving.map((one) => one.lastUpdated).filter((at) => at !== null);
  return {
    id: "", name: "All gateways",
    online: gateways.length > 0 && gateways.every((one) => one.online),
    stale: giving.length > 0 && giving.every((one) => !one.online),
    error: gateways.find((one) => one.error)?.error ?? null, kind: "powerwall",
    data: giving.length ? {} : null,
    lastUpdated: dated.length ? Math.min(...dated) : null,
    ageAtServer: giving.length ? Math.max(...giving.map((one) => one.ageAtServer ?? 0)) : null,
    solar: sum(giving, "solar"), home: sum(giving, "home"), grid: sum(giving, "grid"), battery: sum(giving, "battery"),
    soe: charged.length ? charged.reduce((all, one) => all + one.soe * weight(one), 0) / total : null,
    reserve: same("reserve"), mode: same("mode"), hoursLeft: null,
    gridStatus: ["DOWN", "SYNCING", "UP"].find((state) => states.includes(state)) ?? null,
    fullWh: sum(giving, "fullWh"), version: same("version"), siteName: same("siteName") || "",
    units: giving.flatMap((one) => one.units).map((one, index) => ({ ...one, number: index + 1 })),
    members: gateways.length, contributing: giving.length,
  };
}

/** A message of /ws/aggregate (or /api/aggregate) as {timestamp, gateways: [...], site, find(id)}. */
export function modelOf(message) {
  const timestamp = finite(message.timestamp);
  const gateways = Object.entries(message.gateways ?? {})
    .filter(([id]) => id !== "aggregate")
    .map(([id, entry]) => gatewayOf(id, entry, timestamp));
  const site = gateways.length === 1 ? gateways[0] : siteOf(gateways);
  return { timestamp, gateways, site, find: (id) => gateways.find((one) => one.id === id) ?? site };
}

/** Where the power goes: how much of home, charging and export comes from sun, battery and grid. Watts; null if unknown. */
export function shares({ solar, home, grid, battery }) {
  if ([home, grid, battery].some((value) => value === null)) return null;
  const sun = Math.max(0, solar ?? 0);
  const out = Math.max(0, battery), charge = Math.max(0, -battery);
  const bought = Math.max(0, grid), sold = Math.max(0, -grid);
  const sources = sun + out + bought;
  if (sources <= 0) return null;
  const sunToHome = Math.min(sun, Math.max(0, home));
  const sunToBattery = Math.min(sun - sunToHome, charge);
  const gridToBattery = Math.min(bought, charge - sunToBattery);
  const sunToGrid = Math.min(sun - sunToHome - sunToBattery, sold);
  const batteryToGrid = Math.min(out, sold - sunToGrid);
  return {
    home: { solar: sunToHome, battery: Math.max(0, out - batteryToGrid), grid: Math.max(0, bought - gridToBattery) },
    battery: { solar: sunToBattery, grid: gridToBattery },
    grid: { solar: sunToGrid, battery: batteryToGrid },
  };
}

/** For cards that have not moved to the site document yet: keeps ``app.model`` and ``app.subject`` as they were. */
export async function refresh(app) {
  const message = await load("api/aggregate");
  if (!message?.gateways) return;
  app.model = modelOf(message);
  const { gateways, site } = app.model;
  app.subject = app.gateway ? gateways.find((one) => one.id === app.gateway) ?? { id: app.gateway, name: app.gateway, data: null, units: [] } : site;
}
