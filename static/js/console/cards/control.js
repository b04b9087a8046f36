// What can be set. Everything asks first; nothing is sent without the token.
import { attribute, h, keyed, load, text } from "../../core/dom.js";
import { DASH, IDLE_WATTS, known, moment, number, percent, power } from "../../core/format.js";
import { EXPORTS, MODES } from "../../core/sentences.js";
import { forget, token } from "../control_token.js";
import { command } from "../send_command.js";

const TITLES = {
  reserve: "Backup reserve",
  mode: "Mode",
  grid_charging: "Charging from the grid",
  grid_export: "Export",
  max_backup: "Full backup",
  islanding: "Grid connection",
  dispatch: "Battery dispatch (W, min)",
};
const GRID = { UP: "on grid", DOWN: "off grid", SYNCING: "reconnecting" };
const SOON_MS = 1500;
const OFF = "Control is off. Set PW_CONTROL_SECRET on the server to switch it on.";

export function control(card, app, hint) {
  const off = h("p.none", {}, "Asking the server …");
  const answer = h("p.answer", { role: "status" });
  const forgetButton = h(
    "button.button.quiet",
    {
      type: "button",
      click: () => {
        forget();
        tell("Token forgotten.", "good");
      },
    },
    "Forget token",
  );
  const panel = h("div.controls", { hidden: true });
  const reasons = h("ul.reasons", { id: "control-reasons", hidden: true });
  card.append(off, panel);

  const tell = (words, kind = "") => {
    text(answer, words);
    attribute(answer, "class", `answer ${kind}`);
    forgetButton.hidden = !token();
  };

  /** Whom commands go to: the house that is shown, none while several are. */
  const target = () => {
    const all = app.overview?.gateways ?? [];
    const id = app.gateway || (several() ? "" : all[0]?.id);
    return app.houses.find((one) => one.id === id) ?? all.find((one) => one.id === id);
  };
  const several = () => (app.overview?.gateways.length ?? 0) > 1;
  const prefix = () => (several() ? `api/gateways/${encodeURIComponent(target().id)}/` : "");
  let soon = 0,
    asked = null;

  async function send(action, body, asking, done = () => {}) {
    const whose = several() ? `${target().name}: ` : "";
    const about = (words, kind) => tell(kind ? `${whose}${asking.title}: ${words}` : words, kind);
    const sent = await command(
      `${prefix()}control/${action}`,
      body,
      { ...asking, words: `${whose}${asking.words}` },
      about,
    );
    if (sent) {
      done();
      about("done.", "good");
    }
    if (sent !== null) refreshSoon();
  }
  const refreshSoon = () => {
    clearTimeout(soon);
    soon = setTimeout(refresh, SOON_MS);
  };

  // --- the rows
  const now = Object.fromEntries(Object.keys(TITLES).map((name) => [name, h("span.now")]));
  const row = (name, ...parts) =>
    h(
      "div.control",
      { role: "group", "aria-labelledby": `control-${name}`, "data-control": name },
      h("span.name", { id: `control-${name}` }, TITLES[name]),
      now[name],
      h("div.row", {}, ...parts),
    );
  const button = (words, click) => h("button.button", { type: "button", click }, words);
  const touched = new Set();
  const touch = (name) => () => touched.add(name);
  const leave = (name) => () => touched.delete(name);
  const select = (name, options) =>
    h(
      "select",
      { "aria-labelledby": `control-${name}`, change: touch(name) },
      ...Object.entries(options).map(([value, words]) => h("option", { value }, words)),
    );
  const chosenWords = (from) => from.selectedOptions[0].text;

  const chosen = h("output", {}, DASH);
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    value: 20,
    "aria-labelledby": "control-reserve",
    input: () => {
      touched.add("reserve");
      text(chosen, percent(Number(slider.value)));
    },
  });
  const mode = select("mode", Object.fromEntries(Object.entries(MODES).slice(0, 3)));
  const exporting = select("grid_export", EXPORTS);
  const charging = select("grid_charging", { true: "Allowed", false: "Not allowed" });
  const hours = select("max_backup", {
    3600: "1 hour",
    7200: "2 hours",
    14400: "4 hours",
    28800: "8 hours",
    86400: "24 hours",
  });
  const watts = h("input", {
    type: "number",
    min: -30000,
    max: 30000,
    step: "any",
    value: 1000,
    required: true,
    "aria-label": "Watts, negative to charge",
  });
  const minutes = h("input", {
    type: "number",
    min: 1,
    max: 1440,
    step: 1,
    value: 10,
    required: true,
    "aria-label": "Minutes",
  });

  function dispatch() {
    if (!watts.reportValidity() || !minutes.reportValidity()) return;
    const wanted = Number(watts.value),
      time = Number(minutes.value);
    send(
      "dispatch",
      { power_watts: wanted, duration_seconds: time * 60 },
      {
        title: "Dispatch",
        danger: wanted > 0,
        words: `${wanted >= 0 ? "Discharge" : "Charge"} with ${number(Math.abs(wanted))} W for ${number(time)} min? This overrides reserve and export settings.`,
      },
    );
  }
  const rows = [
    row(
      "reserve",
      slider,
      chosen,
      button("Set", () =>
        send(
          "reserve",
          { value: Number(slider.value) },
          { title: "Set reserve", words: `Keep ${percent(Number(slider.value))} for outages?` },
          leave("reserve"),
        ),
      ),
      button("Hold", () =>
        send(
          "reserve_hold",
          {},
          {
            title: "Hold charge",
            words: `Keep what is in the battery now (${percent(target()?.charge_percent)}) for outages?`,
          },
          leave("reserve"),
        ),
      ),
    ),
    row(
      "mode",
      mode,
      button("Set", () =>
        send(
          "mode",
          { value: mode.value },
          { title: "Set mode", words: `Switch to “${chosenWords(mode)}”?` },
          leave("mode"),
        ),
      ),
    ),
    row(
      "grid_charging",
      charging,
      button("Set", () =>
        send(
          "grid_charging",
          { value: charging.value === "true" },
          {
            title: "Set grid charging",
            words: `${charging.value === "true" ? "Allow" : "Forbid"} charging from the grid?`,
          },
          leave("grid_charging"),
        ),
      ),
    ),
    row(
      "grid_export",
      exporting,
      button("Set", () =>
        send(
          "grid_export",
          { value: exporting.value },
          { title: "Set export", words: `Export to the grid: ${chosenWords(exporting)}?` },
          leave("grid_export"),
        ),
      ),
    ),
    row(
      "max_backup",
      hours,
      button("Start", () =>
        send(
          "max_backup",
          { value: Number(hours.value) },
          { title: "Start full backup", words: `Charge fully and keep it for ${chosenWords(hours)}?` },
        ),
      ),
      button("End", () =>
        send("max_backup", { value: "cancel" }, { title: "End full backup", words: "End the full backup now?" }),
      ),
    ),
    row(
      "islanding",
      button("Go off grid", () =>
        send(
          "islanding",
          { value: "off_grid", confirm: true },
          {
            title: "Go off grid",
            words: "The house will be cut from the grid and run on sun and battery alone.",
            danger: true,
            word: "off grid",
          },
        ),
      ),
      button("Reconnect", () =>
        send("islanding", { value: "on_grid" }, { title: "Reconnect", words: "Connect the house to the grid again?" }),
      ),
    ),
    row(
      "dispatch",
      watts,
      minutes,
      button("Dispatch", dispatch),
      button("Resume", () => send("resume", {}, { title: "Resume", words: "Give the battery back to its own plan?" })),
    ),
  ];
  panel.append(reasons, ...rows, h("div", {}, answer, forgetButton));
  tell("");

  // --- what cannot be set, and why: as the server judged it
  function able(abilities, help) {
    const why = new Map();
    for (const one of rows) {
      const ability = abilities?.[one.dataset.control],
        no = ability?.able === false;
      for (const part of one.querySelectorAll("button, input, select")) {
        part.disabled = no;
        attribute(part, "aria-describedby", no ? "control-reasons" : null);
      }
      if (!no) continue;
      const group = why.get(ability.limit) ?? { names: [], sentence: ability.why_not };
      group.names.push(TITLES[one.dataset.control]);
      if (group.sentence !== ability.why_not) group.sentence = ""; // it names one control only
      why.set(ability.limit, group);
    }
    reasons.hidden = !why.size;
    for (const item of keyed(reasons, [...why.keys()], (limit) =>
      h("li", { "data-limit": limit }, h("b"), h("span")),
    )) {
      const { names, sentence } = why.get(item.dataset.limit);
      text(item.firstChild, names.length === rows.length ? "Nothing can be set here: " : `${names.join(", ")}: `);
      text(item.lastChild, [sentence, help?.[item.dataset.limit]].filter(Boolean).map(asSentence).join(" "));
    }
  }

  // --- what is set now
  /** Of one gateway among several the live message tells; of a single one /api/operation, which also knows what was set last. */
  async function settingsNow() {
    const house = target();
    if (several())
      return (
        house && {
          reserve: house.reserve_percent,
          mode: house.mode,
          grid_charging: house.grid_charging,
          grid_export: house.grid_export,
        }
      );
    const known = await load("api/operation");
    return (
      known && {
        reserve: known.backup_reserve_percent_app,
        mode: known.real_mode,
        grid_charging: known.grid_charging,
        grid_export: known.grid_export,
        at: known.stale ? known.last_updated : null,
      }
    );
  }

  async function refresh() {
    const whose = target()?.id;
    if (!whose) {
      panel.hidden = true;
      off.hidden = false;
      text(
        off,
        !app.overview
          ? "Not known"
          : app.overview.control?.enabled === false
            ? OFF
            : several() && !app.gateway
              ? "Choose one house to control it."
              : "There is no gateway to control",
      );
      hint("");
      return;
    }
    if (whose !== asked) touched.clear();
    asked = whose;
    const [status, found] = await Promise.all([load(`${prefix()}control/status`), settingsNow()]);
    const backup = status?.abilities?.max_backup?.able ? await load(`${prefix()}control/max_backup`) : null;
    if (whose !== target()?.id) return;
    panel.hidden = !status?.enabled;
    off.hidden = Boolean(status?.enabled);
    text(off, status ? OFF : "Not known");
    if (!status?.enabled) return;
    able(status.abilities, status.help);
    const pending = status.pending ?? {};
    const show = (name, words) => text(now[name], name in pending ? `${words} – being confirmed` : words);
    show("reserve", percent(found?.reserve));
    if (!touched.has("reserve") && known(found?.reserve)) {
      slider.value = Math.round(found.reserve);
      text(chosen, percent(Math.round(found.reserve)));
    }
    show("mode", found?.mode ? (MODES[found.mode] ?? found.mode) : DASH);
    show(
      "grid_charging",
      typeof found?.grid_charging === "boolean" ? (found.grid_charging ? "Allowed" : "Not allowed") : DASH,
    );
    show("grid_export", found?.grid_export ? (EXPORTS[found.grid_export] ?? found.grid_export) : DASH);
    show(
      "max_backup",
      !backup || backup.error
        ? DASH
        : backup.manual_backup
          ? `until ${moment(backup.manual_backup.end_time)}`
          : "not running",
    );
    follow("mode", mode, found?.mode);
    follow("grid_charging", charging, found?.grid_charging);
    follow("grid_export", exporting, found?.grid_export);
    hint(several() ? `of ${target().name}` : found?.at ? `as of ${moment(found.at)}` : "");
    if (Object.keys(pending).length) refreshSoon();
  }
  const follow = (name, box, value) => {
    if (!touched.has(name) && document.activeElement !== box && value !== null && value !== undefined)
      box.value = String(value);
  };
  function update() {
    text(now.islanding, GRID[target()?.grid_state] ?? DASH);
    text(now.dispatch, batteryNow(target()?.battery_watts));
  }
  return { every: 15, refresh, update, remove: () => clearTimeout(soon) };
}

const asSentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
const batteryNow = (watts) =>
  !known(watts)
    ? DASH
    : Math.abs(watts) < IDLE_WATTS
      ? "idle"
      : `${watts > 0 ? "discharging" : "charging"} ${power(Math.abs(watts))}`;
