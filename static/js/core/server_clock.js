// The server's time, learnt from what it sends. Ages are counted by it: the browser's own clock may be wrong.
const BACK_SECONDS = 5; // an estimate is given up only for one that is so much earlier: then the server's clock was set back
let ahead = null; // the server's seconds since 1970 less this page's own seconds

const own = () => performance.now() / 1000;

/** Note a time that the server wrote just now (``exact``), or when it wrote the document that has arrived. */
export function serverSaid(epoch, exact = true) {
  if (!Number.isFinite(epoch)) return;
  const found = epoch - own();
  // Whatever arrives was written a little earlier, never later: of two estimates the later one is the better one.
  if (ahead === null || found > ahead || (exact && ahead - found > BACK_SECONDS)) ahead = found;
}

/** Note the Date of an answer, which has whole seconds. */
export const answerSaid = (answer) => serverSaid(Date.parse(answer.headers.get("date") ?? "") / 1000);

/** Seconds since 1970 by the server's clock; by the browser's as long as the server has said nothing. */
export const serverNow = () => (ahead === null ? Date.now() / 1000 : ahead + own());

/** How long ago that was, in seconds; null when it is not known. */
export const ago = (epoch) => (Number.isFinite(epoch) ? Math.max(0, serverNow() - epoch) : null);
