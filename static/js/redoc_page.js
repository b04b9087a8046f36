// Redoc over our own description. The search index would need a worker made from a blob, which our policy forbids.
{
  const api = /** @type {HTMLElement} */ (document.getElementById("api"));
  Redoc.init("openapi.json", { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true }, api);
  // Samples scroll; without a mouse they are reached with the Tab key.
  new MutationObserver(() => {
    for (const sample of api.querySelectorAll("pre:not([tabindex])")) sample.setAttribute("tabindex", "0");
  }).observe(api, { childList: true, subtree: true });
}
