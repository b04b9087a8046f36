// What can be set. Every command is confirmed first; nothing is sent without the token.
import { attribute, h, keyed, text } from "../../core/dom.js";
import { moment } from "../../core/format.js";
import { load } from "../../core/load.js";
import { asSentence, say, translated } from "../../core/texts.js";
import { ControlRows, TITLES } from "../control_rows.js";
import { forget, token } from "../control_token.js";
import { sendCommand } from "../send_command.js";

/**
 * @import { GatewayEntry } from "../../core/subject.js"
 * @import { ControlName, Send, Settings } from "../control_rows.js"
 */

const SOON_MS = 1500; // until the gateway has done what it acknowledged
const OFF = say("control.off");

/** @type {Card["create"]} */
export function control(card, app, hint) {
  const off = h("p.none", {}, say("page.asking"));
  const answer = h("p.answer", { role: "status" });
  const forgetButton = h("button.button.quiet", { type: "button" }, say("control.forget"));
  forgetButton.addEventListener("click", () => {
    forget();
    tell(say("control.forgotten"), "good");
  });
  const panel = h("div.controls", { hidden: true });
  const reasons = h("ul.reasons", { id: "control-reasons", hidden: true });
  /** The pause before what is set is asked for again. */
  let soon = 0;
  /** The house that was asked about last. @type {string | undefined} */
  let asked;

  /** @param {string} words */
  function tell(words, kind = "") {
    text(answer, words);
    attribute(answer, "class", `answer ${kind}`);
    forgetButton.hidden = !token();
  }

  const several = () => (app.overview?.gateways.length ?? 0) > 1;

  /**
   * Return the house that commands go to: the one that is shown, none while several are.
   * @returns {GatewayEntry | undefined}
   */
  function target() {
    const all = app.overview?.gateways ?? [];
    const id = app.gateway || (several() ? "" : all[0]?.id);
    return app.houses.find((one) => one.id === id) ?? all.find((one) => one.id === id);
  }

  /** @type {() => "" | `api/gateways/${string}/`} */
  const prefix = () => (several() ? `api/gateways/${encodeURIComponent(target()?.id ?? "")}/` : "");

  /** @type {Send} */
  async function send(action, body, question, done = () => {}) {
    const whose = several() ? `${target()?.name}: ` : "";
    /** @param {string} words @param {string} [kind] */
    const about = (words, kind) => tell(kind ? `${whose}${question.title}: ${words}` : words, kind);
    const confirmed = { ...question, words: `${whose}${question.words}` };
    const sent = await sendCommand(`${prefix()}control/${action}`, body, confirmed, about);
    if (sent) {
      done();
      about(say("control.done"), "good");
    }
    if (sent !== null) refreshSoon();
  }

  function refreshSoon() {
    clearTimeout(soon);
    soon = window.setTimeout(refresh, SOON_MS);
  }

  const rows = new ControlRows(send, target);
  panel.append(reasons, ...rows.elements, h("div", {}, answer, forgetButton));
  card.append(off, panel);
  tell("");

  /** Show the panel, or why there is none. @param {string} words */
  function showPanel(words) {
    panel.hidden = Boolean(words);
    off.hidden = !words;
    text(off, words);
  }

  function nothingToControl() {
    if (!app.overview) return say("page.notKnown");
    if (app.overview.control.enabled === false) return OFF;
    return several() && !app.gateway ? say("control.choose") : say("control.nothing");
  }

  async function refresh() {
    const whose = target()?.id;
    if (!whose) {
      showPanel(nothingToControl());
      hint("");
      return true;
    }
    const shown = whose === asked && !panel.hidden;
    if (whose !== asked) rows.touched.clear();
    asked = whose;
    const [status, found] = await Promise.all([load(`${prefix()}control/status`), settingsNow(target(), several())]);
    const canBackUp = status?.abilities?.max_backup?.able;
    const backup = canBackUp ? await load(`${prefix()}control/max_backup`) : null;
    if (whose !== target()?.id) return true;
    const name = several() ? say("control.of", { name: target()?.name ?? "" }) : "";
    if (!status && shown) {
      // What is hidden loses the focus and what was typed: one answer that is late must not take the controls away.
      hint([name, say("control.noAnswer")].filter(Boolean).join(", "));
      return false;
    }
    showPanel(!status ? say("page.notKnown") : status.enabled ? "" : OFF);
    if (!status?.enabled) return Boolean(status);
    showReasons(reasons, rows.elements, status);
    rows.show(found, backup, status.pending ?? {});
    hint(name || (found?.at ? say("control.asOf", { time: moment(found.at) }) : ""));
    if (Object.keys(status.pending ?? {}).length) refreshSoon();
    return true;
  }

  return { every: 15, refresh, update: () => rows.showLive(target()), remove: () => clearTimeout(soon) };
}

/**
 * Return what is set now. Of one gateway among several its document tells; of a single one /api/operation, which also
 * knows what was set last.
 * @param {GatewayEntry | SiteHouse | undefined} house
 * @param {boolean} several
 * @returns {Promise<Settings | null>}
 */
async function settingsNow(house, several) {
  if (several) {
    if (!house || !("mode" in house)) return null;
    const { reserve_percent: reserve, mode, grid_charging, grid_export } = house;
    return { reserve, mode, grid_charging, grid_export };
  }
  const told = await load("api/operation");
  return (
    told && {
      reserve: told.backup_reserve_percent_app,
      mode: told.real_mode,
      grid_charging: told.grid_charging,
      grid_export: told.grid_export,
      at: told.stale ? told.last_updated : null,
    }
  );
}

/**
 * Switch off what cannot be set, and say why, as the server judged it.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows
 * @param {ControlStatus} status
 */
function showReasons(list, rows, { abilities, help }) {
  /** @type {Map<string, {names: string[], sentence: string}>} */
  const reasons = new Map();
  for (const row of rows) {
    const name = /** @type {ControlName} */ (row.dataset.control);
    const ability = abilities?.[name];
    const disabled = ability?.able === false;
    for (const part of row.querySelectorAll("button, input, select")) {
      part.toggleAttribute("disabled", disabled);
      attribute(part, "aria-describedby", disabled ? "control-reasons" : null);
    }
    if (!disabled) continue;
    const limit = ability.limit ?? "";
    const why = ability.why_not ?? "";
    const reason = reasons.get(limit) ?? { names: [], sentence: why };
    reason.names.push(TITLES[name]);
    if (reason.sentence !== why) reason.sentence = ""; // it names one control only
    reasons.set(limit, reason);
  }
  list.hidden = !reasons.size;
  const items = keyed(list, [...reasons.keys()], (limit) => {
    const [names, words] = [h("b"), h("span")];
    return { element: h("li", { "data-limit": limit }, names, words), names, words };
  });
  for (const [index, [limit, { names, sentence }]] of [...reasons].entries()) {
    const all = names.length === rows.length;
    text(items[index].names, all ? `${say("control.cannot")} ` : `${names.join(", ")}: `);
    text(
      items[index].words,
      [sentence, help?.[limit]]
        .map((words) => asSentence(translated(words ?? "")))
        .filter(Boolean)
        .join(" "),
    );
  }
}
