// The table of cards, in the order they first appear. Ids are those of ``?hide=``, and "card." with the id is the title.
import { say } from "../core/texts.js";
import { alerts } from "./cards/alerts.js";
import { checks } from "./cards/checks.js";
import { control } from "./cards/control.js";
import { dailyEnergy, energyNow } from "./cards/energy.js";
import { powerFlow } from "./cards/flow.js";
import { allGateways, gateways } from "./cards/gateways.js";
import { health, mqtt } from "./cards/health.js";
import { powerwalls } from "./cards/powerwalls.js";
import { strings } from "./cards/strings.js";
import { trend } from "./cards/trend.js";

/** @type {Card[]} */
export const CARDS = [
  { id: "power-flow", title: say("card.power-flow"), span: 7, wide: true, create: powerFlow },
  { id: "energy", title: say("card.energy"), span: 5, wide: true, create: energyNow },
  { id: "trend", title: say("card.trend"), span: 7, wide: true, create: trend },
  { id: "daily-energy", title: say("card.daily-energy"), span: 5, wide: true, create: dailyEnergy },
  { id: "powerwall", title: say("card.powerwall"), span: 7, wide: true, create: powerwalls },
  { id: "checks", title: say("card.checks"), span: 5, wide: true, create: checks },
  { id: "strings", title: say("card.strings"), span: 6, wide: true, create: strings },
  { id: "alerts", title: say("card.alerts"), span: 6, wide: true, create: alerts },
  { id: "control", title: say("card.control"), span: 12, wide: true, create: control },
  { id: "gateways", title: say("card.gateways"), span: 12, wide: true, create: gateways },
];

/** Those of the page of the server, for who looks after it. @type {Card[]} */
export const SERVER_CARDS = [
  { id: "gateways", title: say("card.gateways"), span: 12, wide: true, create: allGateways },
  { id: "health", title: say("card.health"), span: 8, wide: true, create: health },
  { id: "mqtt", title: say("card.mqtt"), span: 4, wide: true, create: mqtt },
];
