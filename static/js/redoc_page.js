// Redoc over our own description. The search index would need a worker made from a blob, which our policy forbids.
{
  const root = document.documentElement;
  const api = /** @type {HTMLElement} */ (document.getElementById("api"));
  // Redoc's own colours are for light; in the dark it is given those that our pages have there.
  const [ink, muted, line, card, page, link] = ["#e8efeb", "#9db0a7", "#26322d", "#151d1a", "#0d1311", "#8ab8ff"];
  const verbs = { get: "#1f6bb0", post: "#1a7347" };
  const dark = {
    colors: {
      primary: { main: link },
      success: { main: "#4fe0a6" },
      error: { main: "#ff938c" },
      text: { primary: ink, secondary: muted },
      border: { dark: line, light: line },
      gray: { 50: card, 100: line },
      http: verbs,
      responses: {
        success: { color: "#4fe0a6", backgroundColor: "#12301f" },
        error: { color: "#ff938c", backgroundColor: "#3a1a19" },
        redirect: { color: "#ffc877", backgroundColor: "#33270f" },
        info: { color: link, backgroundColor: card },
      },
    },
    schema: { nestedBackground: card, typeNameColor: muted, typeTitleColor: muted, linesColor: line },
    sidebar: { backgroundColor: card, textColor: ink },
    rightPanel: { backgroundColor: card, textColor: ink },
    codeBlock: { backgroundColor: page },
    fab: { backgroundColor: card, color: ink },
    typography: {
      code: { color: "#ff938c", backgroundColor: card },
      links: { color: link, visited: link, hover: ink },
    },
  };
  const drawn = root.getAttribute("data-theme");
  const theme = drawn === "dark" ? dark : {};
  Redoc.init("openapi.json", { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true, theme }, api);
  // It takes its colours once.
  new MutationObserver(() => root.getAttribute("data-theme") !== drawn && location.reload()).observe(root, {
    attributeFilter: ["data-theme"],
  });
  // Samples scroll; without a mouse they are reached with the Tab key.
  new MutationObserver(() => {
    for (const sample of api.querySelectorAll("pre:not([tabindex])")) sample.setAttribute("tabindex", "0");
  }).observe(api, { childList: true, subtree: true });
}
