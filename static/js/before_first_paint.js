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

  /** Resolves when the whole HTML is there, before the first module runs. */
  const parsed = () =>
    new Promise((resolve) => {
      document.addEventListener("readystatechange", resolve, { once: true });
      if (document.readyState !== "loading") resolve(null);
    });

  /**
   * Return the texts of a language once they stand in the HTML, whose own words are English.
   * @param {string} address of the folder of texts
   * @param {string} part of it that the page takes instead of the whole
   * @returns {Promise<Texts>}
   */
  async function textsIn(address, part) {
    /** @param {string} one */
    const named = (one) => `${address}${root.lang}${one}.js`;
    const more = root.getAttribute("data-more-texts");
    const files = Promise.all([import(named(part)), more ? import(named(`_${more}`)) : null]);
    const english = root.lang === LANGUAGES[0];
    if (!part && !english) import(named("_server")).catch(() => {}); // the first needs it: all come at once
    const [own, further] = await files;
    const texts = { ...own, TEXTS: { ...own.TEXTS, ...further?.TEXTS } };
    if (english) return texts;
    await parsed();
    for (const [name, attribute] of [["data-text"], ["data-label", "aria-label"]]) {
      for (const element of document.querySelectorAll(`[${name}]`)) {
        const words = texts.TEXTS[/** @type {"page.api"} */ (element.getAttribute(name))];
        if (attribute) element.setAttribute(attribute, words);
        else element.textContent = words;
      }
    }
    root.classList.remove("untranslated");
    return texts;
  }

  /**
   * Ask for the texts of the page: core/texts.js takes them. In another language than that of the HTML nothing is seen
   * until its words have been replaced, or until it is clear that there are no texts.
   */
  function chooseLanguage() {
    const part = root.getAttribute("data-texts");
    root.lang = language();
    if (part && root.lang === LANGUAGES[0]) return; // the HTML has all its words
    const seen = () => root.classList.remove("untranslated");
    if (root.lang !== LANGUAGES[0]) {
      root.classList.add("untranslated");
      // The name and the shortcuts of the installed page.
      document.querySelector("link[rel=manifest]")?.setAttribute("href", `manifest.${root.lang}.webmanifest`);
      setTimeout(seen, UNSEEN_MS);
    }
    const own = /** @type {HTMLScriptElement} */ (document.currentScript).src;
    const texts = textsIn(new URL("texts/", own).href, part ? `_${part}` : "");
    texts.catch(seen); // core/texts.js tells
    if (!part) window.pwserverTexts = texts;
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
