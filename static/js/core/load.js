// Questions to the server.
import { noteDateHeader } from "./server_clock.js";

const PATIENCE_MS = 10_000;

/** Return the whole address of a file or an API below this page's folder. @param {string} path */
export const address = (path) => new URL(path, document.baseURI).href;

/**
 * Return the JSON of an API path, or null when it cannot be had: refused, given up by ``signal``, or no answer in time.
 * @template {string} Path
 * @param {Path} path
 * @param {{signal?: AbortSignal}} options
 * @returns {Promise<DocumentAt<Path> | null>}
 */
export async function load(path, { signal } = {}) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  // Browsers before 2024 have no AbortSignal.any; there a question that was given up is only not waited for.
  const either = signal ? (AbortSignal.any?.([signal, patience]) ?? signal) : patience;
  try {
    const answer = await fetch(address(path), { cache: "no-cache", signal: either });
    noteDateHeader(answer);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
