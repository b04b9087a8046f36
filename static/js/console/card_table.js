// The table of cards, in the order they first appear. Ids are those of ``?hide=``.
import { alerts } from "./cards/alerts.js";
import { checks } from "./cards/checks.js";
import { control } from "./cards/control.js";
import { dailyEnergy, energyNow } from "./cards/energy.js";
import { powerFlow } from "./cards/flow.js";
import { gateways } from "./cards/gateways.js";
import { health, mqtt } from "./cards/health.js";
import { powerwalls } from "./cards/powerwalls.js";
import { strings } from "./cards/strings.js";
import { trend } from "./cards/trend.js";

/** @type {Card[]} */
export const CARDS = [
  { id: "power-flow", title: "Power flow", span: 7, wide: true, create: powerFlow },
  { id: "energy", title: "Now and today", span: 5, wide: true, create: energyNow },
  { id: "trend", title: "Last 24 hours", span: 7, wide: true, create: trend },
  { id: "daily-energy", title: "Energy per day", span: 5, wide: true, create: dailyEnergy },
  { id: "powerwall", title: "Powerwalls", span: 7, wide: true, create: powerwalls },
  { id: "checks", title: "Last seven days", span: 5, wide: true, create: checks },
  { id: "strings", title: "Solar strings", span: 6, create: strings },
  { id: "alerts", title: "Alerts", span: 6, wide: true, create: alerts },
  { id: "control", title: "Control", span: 12, wide: true, create: control },
  { id: "gateways", title: "Gateways", span: 12, wide: true, create: gateways },
];

/** Those of the page of the server, for who looks after it. @type {Card[]} */
export const SERVER_CARDS = [
  { id: "gateways", title: "Gateways", span: 12, wide: true, create: gateways },
  { id: "health", title: "Server", span: 8, wide: true, create: health },
  { id: "mqtt", title: "MQTT", span: 4, create: mqtt },
];
