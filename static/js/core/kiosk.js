// Kiosk: only the figures, for a screen on the wall. Chosen with a button or in the address, left with Escape.
import { find, h } from "./dom.js";
import { remember } from "./settings.js";
import { say } from "./texts.js";

/**
 * Offer to show this page as a kiosk, and to leave that again. Screens without a keyboard have a button for it.
 * @param {string} page its name, as before_first_paint.js knows it
 * @param {URLSearchParams} query what the page's address says; a choice of the reader wins over it from now on
 */
export function offerKiosk(page, query) {
  const root = document.documentElement;
  /** @param {boolean} on */
  const choose = (on) => {
    root.classList.toggle("kiosk", on);
    remember(`pwserver.kiosk.${page}`, on);
    if (query.has("kiosk")) {
      query.delete("kiosk");
      history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    }
    if (!on) find("kiosk").focus();
  };
  find("kiosk").addEventListener("click", () => choose(true));
  const leave = h("button.button.leave-kiosk", { type: "button", click: () => choose(false) }, say("page.leaveKiosk"));
  document.body.append(leave);
  addEventListener("keydown", (event) => {
    // Escape closes what is open first.
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (root.classList.contains("kiosk")) choose(false);
  });
}
