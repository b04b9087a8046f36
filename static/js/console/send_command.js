// One command to a gateway: confirmed, allowed, sent once, and its answer in words.
import { span } from "../core/format.js";
import { address } from "../core/load.js";
import { asSentence, say, translated } from "../core/texts.js";
import { confirmed, forget, needToken } from "./control_token.js";

/**
 * What is asked before a command is sent; ``word`` must be typed.
 * @typedef {{title: string, words: string, danger?: boolean, word?: string}} Question
 */

const PATIENCE_MS = 20_000;
const UNKNOWN = say("command.unknown");
const NOT_SENT = say("command.notSent");
/** By the status of the answer. @type {Record<number, string>} */
const VERDICTS = {
  401: NOT_SENT,
  404: NOT_SENT,
  409: NOT_SENT,
  413: NOT_SENT,
  422: NOT_SENT,
  429: NOT_SENT,
  502: say("command.refused"),
  504: UNKNOWN,
};

/**
 * Ask, then send. ``tell`` hears how it goes. Resolves with true when the gateway has acknowledged, false when it has
 * not, null when nothing was sent because the reader would rather not.
 * @param {string} path
 * @param {Record<string, unknown>} body
 * @param {Question} question
 * @param {(words: string, kind?: string) => void} tell
 * @returns {Promise<boolean | null>}
 */
export async function sendCommand(path, body, { title, words, danger, word }, tell) {
  if (!(await confirmed(title, words, { danger, word }))) return null;
  const secret = await needToken();
  if (!secret) return null;
  tell(say("command.sending"));
  try {
    const reply = await fetch(address(path), {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    });
    const said = await reply.json().catch(() => ({}));
    if (reply.status === 401) forget();
    if (reply.ok && !said?.error) return true;
    const why = reply.status === 401 ? say("command.wrongToken") : reason(said, reply.status);
    tell(`${VERDICTS[reply.status] ?? say("command.notDone")}. ${why}`, "bad");
  } catch {
    tell(`${UNKNOWN}. ${say("command.noAnswer")}`, "bad");
  }
  return false;
}

/** Return the server's reason as a sentence. @param {any} said @param {number} status */
function reason(said, status) {
  const why = said?.detail?.message ?? said?.detail ?? said?.error ?? said?.unauthorized;
  if (typeof why !== "string" || !why) return say("command.status", { status: String(status) });
  const words = why.replace(/^outcome unknown: /, "").replace(/\b(\d+) s$/, (_, seconds) => span(Number(seconds)));
  return asSentence(translated(words));
}
