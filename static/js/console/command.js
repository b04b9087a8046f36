// One command to a gateway: meant, allowed, sent once, and its answer in words.
import { address } from "../core/dom.js";
import { confirmed, forget, needToken } from "./token.js";

const PATIENCE_MS = 20_000;

/**
 * Ask, then send. ``tell(words, kind)`` hears how it goes. Resolves with true when the gateway has acknowledged, false when
 * it has not, null when nothing was sent because the reader would rather not.
 */
export async function command(path, body, { title, words, danger, word }, tell) {
  if (!(await confirmed(title, words, { danger, word }))) return null;
  const secret = await needToken();
  if (!secret) return null;
  tell("Sending …");
  try {
    const reply = await fetch(address(path), { method: "POST", body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" } });
    const said = await reply.json().catch(() => ({}));
    if (reply.status === 401) forget();
    if (reply.ok && !said?.error) return true;
    const why = said?.detail?.message ?? said?.detail ?? said?.error ?? said?.unauthorized;
    tell(typeof why === "string" ? why : `The server answered ${reply.status}.`, "bad");
  } catch {
    tell("The server did not answer; nothing is known about the command.", "bad");
  }
  return false;
}
