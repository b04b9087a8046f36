// Opens the pages while the server is away: a page says then what it knows and that the server does not answer.
// A page comes from the server whenever that answers; only its files, whose addresses hold a hash of their content,
// are taken from here first. Figures are never kept.
// TypeScript has no one library for pages and for workers.
const worker = /** @type {any} */ (self);

const CACHE = `pwserver${location.search}`; // the address of this script ends with the hash of the files
const PATIENCE_MS = 4000;
const MOST_FILES = 200;
const HOME = new URL("./", location.href).pathname;
const PAGES = ["", "console", "history", "houses", "server"];

/** Return the page that an address is of, without its query; empty: of none. @param {URL} url */
function pageOf(url) {
  const name = url.pathname.startsWith(HOME) ? url.pathname.slice(HOME.length) : "/";
  return url.origin === location.origin && PAGES.includes(name) ? HOME + name : "";
}

/** @param {URL} url */
function isKeptForEver(url) {
  return url.origin === location.origin && url.pathname.startsWith(`${HOME}static/${location.search.slice(1)}/`);
}

/** Fetch a page; if the server is away, or silent while we have the page, return the one we have.
 * @param {Request} request @param {string} page */
async function freshOrKept(request, page) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(page);
  const late = new AbortController();
  const timer = kept && setTimeout(() => late.abort(), PATIENCE_MS);
  try {
    const fresh = await fetch(request, { signal: late.signal });
    if (fresh.ok && !fresh.redirected) await cache.put(page, fresh.clone());
    return fresh;
  } catch (error) {
    if (!kept) throw error;
    return kept;
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Request} request */
async function keptOrFresh(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok && (await cache.keys()).length < MOST_FILES) await cache.put(request, fresh.clone());
  return fresh;
}

/** Keep the page that has just been read and the files it consists of. @param {string[]} addresses */
async function keep(addresses) {
  const cache = await caches.open(CACHE);
  for (const address of addresses.slice(0, MOST_FILES)) {
    const url = new URL(address);
    const page = pageOf(url);
    if (!page && !isKeptForEver(url)) continue;
    const kept = page || address;
    if (!(await cache.match(kept))) await cache.add(kept).catch(() => {}); // the server has just gone away
  }
}

async function dropFormerVersions() {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("pwserver?") && name !== CACHE).map((name) => caches.delete(name)),
  );
  await worker.clients.claim();
}

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(dropFormerVersions()));
worker.addEventListener("message", (/** @type {any} */ event) => event.waitUntil(keep(event.data)));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  const page = request.mode === "navigate" ? pageOf(url) : "";
  if (page) event.respondWith(freshOrKept(request, page));
  else if (isKeptForEver(url)) event.respondWith(keptOrFresh(request));
});
