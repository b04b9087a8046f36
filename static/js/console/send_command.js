// One command to a gateway: meant, allowed, sent once, and its answer in words.
import { address } from "../core/dom.js";
import { span } from "../core/format.js";
import { confirmed, forget, needToken } from "./control_token.js";

const PATIENCE_MS = 20_000;
const UNKNOWN = "not known whether it was done";
const VERDICTS = {
  401: "not sent",
  404: "not sent",
  409: "not sent",
  413: "not sent",
  422: "not sent",
  429: "not sent",
  502: "refused",
  504: UNKNOWN,
};

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
    const reply = await fetch(address(path), {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    });
    const said = await reply.json().catch(() => ({}));
    if (reply.status === 401) forget();
    if (reply.ok && !said?.error) return true;
    tell(
      `${VERDICTS[reply.status] ?? "not done"}. ${reply.status === 401 ? "The server does not accept this token." : because(said, reply.status)}`,
      "bad",
    );
  } catch {
    tell(`${UNKNOWN}. The server did not answer.`, "bad");
  }
  return false;
}

/** The server's reason as a sentence. */
function because(said, status) {
  const why = said?.detail?.message ?? said?.detail ?? said?.error ?? said?.unauthorized;
  if (typeof why !== "string" || !why) return `The server answered ${status}.`;
  const words = why.replace(/^outcome unknown: /, "").replace(/\b(\d+) s$/, (_, seconds) => span(Number(seconds)));
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}
