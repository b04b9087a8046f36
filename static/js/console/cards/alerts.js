// Alerts with since-when. The gateway does not say, so this browser remembers when it first saw each.
import { h, keyed, text } from "../../core/dom.js";
import { clock, moment, number } from "../../core/format.js";
import { remember, remembered } from "../../core/settings.js";

const KEY = "pwserver.alerts";
const QUIET = /^(SystemConnectedToGrid|FWUpdateSucceeded|GridCodesWrite|PodCommissionTime|.*CommissionTime|UnscheduledSoftwareUpdate)$/;
const BAD = /(Fault|Fail|Down|Island|Lost|Error|OverTemp|Under|Over|Wait)/;

export function alerts(card, app, hint) {
  const list = h("ul.alerts"), none = h("p.none");
  card.append(h("div.long", { tabindex: 0, role: "region", "aria-label": "Alerts" }, list), none);
  const seen = remembered(KEY, {});
  return {
    live: true,
    update({ subject, model, lost }) {
      if (!model) return;
      const from = subject.id || model.gateways.length === 1 ? [subject] : model.gateways;
      const now = Date.now() / 1000;
      if (!lost) note(seen, model, now);
      const all = from.flatMap((gateway) => (gateway.data?.alerts ?? []).map((name) => ({ key: `${gateway.id}/${name}`, name, gateway })));
      all.sort((a, b) => QUIET.test(a.name) - QUIET.test(b.name) || BAD.test(b.name) - BAD.test(a.name) || a.name.localeCompare(b.name));
      keyed(list, all.map((one) => one.key), () => h("li", {}, h("b"), h("time"))).forEach((element, index) => {
        const { key, name, gateway } = all[index];
        const since = seen[key];
        text(element.firstChild, words(name) + (from.length > 1 ? ` · ${gateway.name}` : ""));
        element.title = name;
        text(element.lastChild, since ? `${since.unsure ? "before" : "since"} ${now - since.at < 72_000 ? clock(since.at) : moment(since.at)}` : "");
      });
      none.hidden = all.length > 0;
      text(none, from.some((one) => one.data?.alerts) ? "No alerts" : "Not known");
      hint(all.length ? number(all.length) : "");
    },
  };
}

const words = (name) => name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");

/** Remember when each alert was first seen; forget those that are gone. Those already there at the first look are "before". */
function note(seen, model, now) {
  let changed = false;
  for (const gateway of model.gateways) {
    if (!gateway.data || gateway.stale || !Array.isArray(gateway.data.alerts)) continue;
    const present = new Set(gateway.data.alerts.map((name) => `${gateway.id}/${name}`));
    const watched = (seen[`${gateway.id}//watched`] ??= { at: now, first: true });
    for (const key of present) {
      if (!seen[key]) { seen[key] = { at: now, unsure: Boolean(watched.first) }; changed = true; }
    }
    if (watched.first) { delete watched.first; changed = true; }
    for (const key of Object.keys(seen)) {
      if (key.startsWith(`${gateway.id}/`) && !key.endsWith("//watched") && !present.has(key)) { delete seen[key]; changed = true; }
    }
  }
  if (changed) remember(KEY, seen);
}
