// Runs before the first paint: theme, language, frame and kiosk are known before anything is drawn, so that nothing jumps.
(() => {
  const LANGUAGES = ["en", "de"]; // for those that want none of them, the first
  const UNSEEN_MS = 3000;
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print");
  /** The styles that have one theme. @type {Record<string, string>} */
  const themes = {
    black: "dark",
    white: "light",
    grafana: "dark",
    "grafana-dark": "dark",
    solar: "light",
    dakboard: "dark",
  };

  /** Return one of the reader's settings; storage may be refused. @param {string} name */
  function chosen(name) {
    try {
      return JSON.parse(localStorage.getItem("pwserver.settings") ?? "{}")[name];
    } catch {
      return null;
    }
  }

  /** Return whether the reader has left this page as a kiosk: here, or in pypowerwall-server's page of this name. */
  function chosenKiosk() {
    const page = location.pathname.split("/").pop();
    try {
      const chosen = localStorage.getItem(`pwserver.kiosk.${page}`);
      return chosen ? chosen === "true" : localStorage.getItem(`pw_${page}_kiosk`) === "1";
    } catch {
      return false;
    }
  }

  /** Paper is light; else the address, the style, the settings and the system are asked in this order. */
  function theme() {
    if (paper.matches) return "light";
    const asked = query.get("theme");
    if (asked === "light" || asked === "dark") return asked;
    const fixed = themes[root.getAttribute("data-style") ?? ""];
    const wanted = fixed ?? (query.has("theme") ? null : chosen("theme"));
    return wanted === "light" || wanted === "dark" ? wanted : dark.matches ? "dark" : "light";
  }

  function applyTheme() {
    const shown = theme();
    root.setAttribute("data-theme", shown);
    root.classList.toggle("dark-mode", shown === "dark"); // as Swagger UI calls it
  }

  /** The address, the settings and the browser are asked for a language that there is, in this order. */
  function language() {
    const asked = [query.get("language"), chosen("language"), ...navigator.languages];
    const found = asked.map((tag) => /^[a-z]*/.exec(String(tag).toLowerCase())?.[0] ?? "");
    return found.find((one) => LANGUAGES.includes(one)) ?? LANGUAGES[0];
  }

  /**
   * Ask for the texts of the page: core/texts.js takes them. The words of the HTML are English; in another language they
   * stay unseen until they have been replaced, or until it is clear that this page gets no texts.
   */
  function chooseLanguage() {
    const own = /** @type {HTMLScriptElement} */ (document.currentScript).src;
    root.lang = language();
    const isFirst = root.lang === LANGUAGES[0];
    for (const file of isFirst ? [root.lang] : [root.lang, `${root.lang}_server`]) {
      const link = document.createElement("link");
      link.rel = "modulepreload";
      link.href = new URL(`texts/${file}.js`, own).href;
      document.head.append(link);
    }
    if (isFirst) return;
    root.classList.add("untranslated");
    setTimeout(() => root.classList.remove("untranslated"), UNSEEN_MS);
  }

  /** A page of another origin may not be asked who it is: then this page is in its frame. */
  function isFramed() {
    try {
      return window.self !== window.top;
    } catch {
      return true;
    }
  }

  // Pages that show live figures ask for them while their modules are still on the way: core/live_connection.js takes
  // the answer.
  const first = root.getAttribute("data-first");
  const gateway = root.hasAttribute("data-first-house") ? query.get("gateway") : null;
  if (first) {
    window.pwserverFirst = fetch(gateway ? `${first}/${encodeURIComponent(gateway)}` : first);
    window.pwserverFirst.catch(() => {}); // the live connection tells
  }

  if (root.hasAttribute("data-texts")) chooseLanguage(); // else the page is English
  applyTheme();
  dark.addEventListener("change", applyTheme);
  paper.addEventListener("change", applyTheme);
  window.addEventListener("pwserver:theme", applyTheme);
  root.classList.toggle("framed", isFramed());
  root.classList.toggle("kiosk", query.has("kiosk") ? /^(1|true|yes)$/.test(query.get("kiosk") ?? "") : chosenKiosk());
})();
