// The server's time, learnt from what it sends. Ages are counted by it, because the browser's own clock may be wrong.

// A later estimate is the better one; only one that is earlier by more than this means that the clock was set back.
const SET_BACK_SECONDS = 5;

/** The server's seconds since 1970 less the page's own seconds. @type {number | null} */
let offsetSeconds = null;

const pageSeconds = () => performance.now() / 1000;

/**
 * Note a time that the server wrote just now (``exact``), or when it wrote the document that has arrived.
 * @param {number} epoch
 */
export function noteServerTime(epoch, exact = true) {
  if (!Number.isFinite(epoch)) return;
  const found = epoch - pageSeconds();
  // Whatever arrives was written a little earlier, never later: of two estimates the later one is the better one.
  if (offsetSeconds === null || found > offsetSeconds || (exact && offsetSeconds - found > SET_BACK_SECONDS)) {
    offsetSeconds = found;
  }
}

/** Note the Date header of an answer, which has whole seconds. @param {Response} answer */
export const noteDateHeader = (answer) => noteServerTime(Date.parse(answer.headers.get("date") ?? "") / 1000);

/** The moment that is being drawn. @type {number | null} */
let heldNow = null;

/** Return the seconds since 1970 by the server's clock; by the browser's until the server has sent its time. */
export const serverNow = () => heldNow ?? (offsetSeconds === null ? Date.now() / 1000 : offsetSeconds + pageSeconds());

/**
 * Draw with the clock held still: a slow browser else passes a full minute between two places that tell the same age,
 * and they contradict one another until the next second.
 * @param {() => void} draw
 */
export function atOneMoment(draw) {
  heldNow = serverNow();
  try {
    draw();
  } finally {
    heldNow = null;
  }
}

/**
 * Return how long ago that was, in seconds; null when it is not known.
 * @param {number | null | undefined} epoch
 */
export const ago = (epoch) =>
  typeof epoch === "number" && Number.isFinite(epoch) ? Math.max(0, serverNow() - epoch) : null;
