// Keeps the files of this page in the browser, so that it opens, and says so, while the server is away.

/** Register the worker that keeps them, and tell it what this page consists of. */
export async function keepForOffline() {
  // Browsers allow this on https:// and on localhost only. A frame's page is kept by what frames it.
  if (!navigator.serviceWorker || document.documentElement.classList.contains("framed")) return;
  const hash = new URL(import.meta.url).pathname.split("/").at(-4);
  try {
    await navigator.serviceWorker.register(`offline_worker.js?${hash}`);
    const { active } = await navigator.serviceWorker.ready;
    const files = performance.getEntriesByType("resource").map((one) => one.name);
    active?.postMessage([location.href, ...files]);
  } catch {
    // Storage is forbidden or full, or a proxy hides the worker: the page works as it does without.
  }
}
