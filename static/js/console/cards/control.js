// What can be set. Everything asks first; nothing is sent without the token.
import { address, attribute, h, load, text } from "../../core/dom.js";
import { DASH, known, moment, number, percent } from "../../core/format.js";
import { EXPORTS, MODES } from "../../core/words.js";
import { confirmed, forget, needToken, token } from "../token.js";

export function control(card, app, hint) {
  const off = h("p.none", {}, "Asking the server …");
  const answer = h("p.answer", { role: "status" });
  const forgetButton = h("button.button.quiet", { type: "button", click: () => { forget(); tell("Token forgotten.", "good"); } }, "Forget token");
  const panel = h("div.controls", { hidden: true });
  card.append(off, panel);

  const tell = (words, kind = "") => { text(answer, words); attribute(answer, "class", `answer ${kind}`); forgetButton.hidden = !token(); };

  async function send(action, body, title, words, options) {
    if (!(await confirmed(title, words, options))) return;
    const secret = await needToken();
    if (!secret) return;
    tell("Sending …");
    try {
      const reply = await fetch(address(`control/${action}`), { method: "POST", headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        body: JSON.stringify(body), signal: AbortSignal.timeout(20_000) });
      const said = await reply.json().catch(() => ({}));
      if (reply.status === 401) forget();
      const detail = said?.detail?.message ?? said?.detail ?? said?.error ?? said?.unauthorized;
      if (reply.ok && !said?.error) tell(`${title}: done.`, "good");
      else tell(typeof detail === "string" ? detail : `The server answered ${reply.status}.`, "bad");
    } catch {
      tell("The server did not answer; nothing is known about the command.", "bad");
    }
    setTimeout(refresh, 1500);
  }

  // --- the rows
  const now = (name) => { const value = h("span.now", {}, DASH); return { value, head: [h("span.name", { id: `control-${name}` }, TITLES[name]), value] }; };
  const reserveNow = now("reserve"), modeNow = now("mode"), chargingNow = now("charging"), exportNow = now("export"), backupNow = now("backup"), islandNow = now("island"), dispatchNow = now("dispatch");
  const slider = h("input", { type: "range", min: 0, max: 100, step: 1, value: 20, "aria-labelledby": "control-reserve", input: () => { touched = true; text(chosen, percent(Number(slider.value))); } });
  const chosen = h("output", {}, DASH);
  let touched = false;
  const select = (name, options) => h("select", { "aria-labelledby": `control-${name}`, change: (event) => { event.target.touched = true; } }, ...Object.entries(options).map(([value, words]) => h("option", { value }, words)));
  const mode = select("mode", Object.fromEntries(Object.entries(MODES).slice(0, 3)));
  const exporting = select("export", EXPORTS);
  const charging = select("charging", { true: "Allowed", false: "Not allowed" });
  const hours = select("backup", { 3600: "1 hour", 7200: "2 hours", 14400: "4 hours", 28800: "8 hours", 86400: "24 hours" });
  const watts = h("input", { type: "number", min: -30000, max: 30000, step: 100, value: 1000, "aria-label": "Watts, negative to charge" });
  const minutes = h("input", { type: "number", min: 1, max: 1440, value: 10, "aria-label": "Minutes" });
  const set = (click, words = "Set") => h("button.button", { type: "button", click }, words);
  const row = (head, ...parts) => h("div.control", { role: "group" }, ...head.head, h("div.row", {}, ...parts));

  const v1r = [
    row(backupNow, hours, set(() => send("max_backup", { value: Number(hours.value) }, "Start full backup", `Charge fully and keep it for ${hours.selectedOptions[0].text}?`), "Start"), set(() => send("max_backup", { value: "cancel" }, "End full backup", "End the full backup now?"), "End")),
    row(islandNow, set(() => send("islanding", { value: "off_grid", confirm: true }, "Go off grid", "The house will be cut from the grid and run on sun and battery alone.", { danger: true, word: "off grid" }), "Go off grid"),
      set(() => send("islanding", { value: "on_grid" }, "Reconnect", "Connect the house to the grid again?"), "Reconnect")),
  ];
  const dispatch = row(dispatchNow, watts, minutes, set(() => send("dispatch", { power_watts: Number(watts.value), duration_seconds: Math.round(Number(minutes.value) * 60) }, "Dispatch",
    `${Number(watts.value) >= 0 ? "Discharge" : "Charge"} with ${number(Math.abs(Number(watts.value)))} W for ${number(Number(minutes.value))} min? This overrides reserve and export settings.`, { danger: Number(watts.value) > 0 })),
  set(() => send("resume", {}, "Resume", "Give the battery back to its own plan?"), "Resume"));
  panel.append(
    row(reserveNow, slider, chosen, set(() => { touched = false; send("reserve", { value: Number(slider.value) }, "Set reserve", `Keep ${percent(Number(slider.value))} for outages?`); })),
    row(modeNow, mode, set(() => { mode.touched = false; send("mode", { value: mode.value }, "Set mode", `Switch to “${mode.selectedOptions[0].text}”?`); })),
    row(chargingNow, charging, set(() => { charging.touched = false; send("grid_charging", { value: charging.value === "true" }, "Set grid charging", `${charging.value === "true" ? "Allow" : "Forbid"} charging from the grid?`); })),
    row(exportNow, exporting, set(() => { exporting.touched = false; send("grid_export", { value: exporting.value }, "Set export", `Export to the grid: ${exporting.selectedOptions[0].text}?`); })),
    ...v1r, dispatch, h("div", {}, answer, forgetButton));
  tell("");

  async function refresh() {
    const status = await load("control/status");
    panel.hidden = !status?.enabled;
    off.hidden = Boolean(status?.enabled);
    text(off, status ? "Control is off. Set PW_CONTROL_SECRET on the server to switch it on." : "Not known");
    if (!status?.enabled) return;
    dispatch.hidden = !status.battery_dispatch;
    const [operation, backup] = await Promise.all([load("api/operation"), load("control/max_backup")]);
    const local = Boolean(backup && !backup.error) || status.battery_dispatch;
    for (const one of v1r) one.hidden = !local;
    const reserve = operation?.backup_reserve_percent_app;
    text(reserveNow.value, percent(reserve));
    if (!touched && known(reserve)) { slider.value = Math.round(reserve); text(chosen, percent(Math.round(reserve))); }
    text(modeNow.value, operation?.real_mode ? MODES[operation.real_mode] ?? operation.real_mode : DASH);
    follow(mode, operation?.real_mode);
    text(chargingNow.value, typeof operation?.grid_charging === "boolean" ? (operation.grid_charging ? "Allowed" : "Not allowed") : DASH);
    follow(charging, operation?.grid_charging);
    text(exportNow.value, operation?.grid_export ? EXPORTS[operation.grid_export] ?? operation.grid_export : DASH);
    follow(exporting, operation?.grid_export);
    text(backupNow.value, backup?.manual_backup ? `until ${moment(backup.manual_backup.end_time)}` : "not running");
    hint(operation?.stale ? `as of ${moment(operation.last_updated)}` : "of the default gateway");
  }
  return { every: 15, refresh, update: ({ model }) => text(islandNow.value, ({ UP: "on grid", DOWN: "off grid", SYNCING: "reconnecting" })[model?.gateways[0]?.gridStatus] ?? DASH) };
}

const follow = (select, value) => {
  if (!select.touched && document.activeElement !== select && value !== null && value !== undefined) select.value = String(value);
};

const TITLES = { reserve: "Backup reserve", mode: "Mode", charging: "Charging from the grid", export: "Export", backup: "Full backup", island: "Grid connection", dispatch: "Battery dispatch (W, min)" };
