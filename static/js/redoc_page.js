// Redoc over our own description. The search index would need a worker made from a blob, which our policy forbids.
Redoc.init(
  "openapi.json",
  { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true },
  document.getElementById("api"),
);
// Samples scroll; those who have no mouse reach them with the Tab key.
new MutationObserver(() => {
  for (const sample of document.querySelectorAll("pre:not([tabindex])")) sample.tabIndex = 0;
}).observe(document.getElementById("api"), { childList: true, subtree: true });
