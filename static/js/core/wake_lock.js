// Keeps the screen on while the page is a kiosk. Browsers allow it on https:// and on localhost only.

/** @type {WakeLockSentinel | null} */
let lock = null;
let asking = false;

function isWanted() {
  return document.documentElement.classList.contains("kiosk") && !document.hidden;
}

async function holdOrLetGo() {
  if (asking) return; // what is wanted is looked at again when the answer is there
  if (isWanted() && (!lock || lock.released)) {
    asking = true;
    // A low battery or a setting of the system may refuse it.
    lock = await navigator.wakeLock.request("screen").catch(() => null);
    asking = false;
  }
  if (!isWanted()) {
    lock?.release();
    lock = null;
  }
}

/** Keep the screen on whenever the page is shown as a kiosk. The system lets go of it when the page is hidden. */
export function keepScreenOn() {
  if (!navigator.wakeLock) return;
  new MutationObserver(holdOrLetGo).observe(document.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("visibilitychange", holdOrLetGo);
  holdOrLetGo();
}
