// Runs before the first paint: theme, frame and kiosk are known before anything is drawn, so nothing jumps.
(() => {
  var root = document.documentElement;
  var query = new URLSearchParams(location.search);
  var dark = window.matchMedia("(prefers-color-scheme: dark)"),
    paper = window.matchMedia("print");
  var fixed = {
    black: "dark",
    white: "light",
    grafana: "dark",
    "grafana-dark": "dark",
    solar: "light",
    dakboard: "dark",
  };
  var style = root.getAttribute("data-style") || "";

  function wanted() {
    if (paper.matches) return "light";
    var asked = query.get("theme");
    if (asked !== "light" && asked !== "dark") asked = fixed[style];
    if (!asked && !query.has("theme")) {
      try {
        asked = JSON.parse(localStorage.getItem("pwserver.settings") || "{}").theme;
      } catch (_e) {
        asked = "";
      }
    }
    return asked === "light" || asked === "dark" ? asked : dark.matches ? "dark" : "light";
  }
  function apply() {
    root.setAttribute("data-theme", wanted());
  }

  // Pages that show live figures ask for them while their modules are still on the way (core/live_connection.js takes the answer).
  var first = root.getAttribute("data-first"),
    gateway = root.hasAttribute("data-first-house") && query.get("gateway");
  if (gateway) first += `/${encodeURIComponent(gateway)}`;
  if (first) {
    window.pwserverFirst = fetch(first);
    window.pwserverFirst.catch(() => {}); // the live connection says so
  }

  apply();
  dark.addEventListener("change", apply);
  paper.addEventListener("change", apply);
  window.addEventListener("pwserver:theme", apply);
  var framed = true;
  try {
    framed = window.self !== window.top;
  } catch (_e) {
    framed = true;
  }
  root.classList.toggle("framed", framed);
  root.classList.toggle("kiosk", /^(1|true|yes)$/.test(query.get("kiosk") || ""));
})();
