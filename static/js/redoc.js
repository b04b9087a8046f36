// Redoc over our own description. The search index would need a worker made from a blob, which our policy forbids.
Redoc.init("openapi.json", { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true },
  document.getElementById("api"));
