// The choice of house in the bar of a page: a list while there are few, a field to search in when there are many. The
// links to the other pages carry it on, so that they show the same house.
import { attribute, find, h, keyed, text } from "./dom.js";
import { stateWords } from "./labels.js";
import { change, settings } from "./settings.js";
import { inTrouble } from "./subject.js";
import { say } from "./texts.js";

/**
 * @import { Subject } from "./subject.js"
 *
 * @typedef {{id: string, name: string, state?: Subject["state"]}} House what is known of it; some pages know no state
 * @typedef {{id: string, words: string}} Option
 */

const MOST_LISTED = 20;
const PAGES = ["./", "console", "history", "server"]; // that show one house, or all
export class HouseChoice {
  box = find("switcher");
  chosen = "";
  /** @type {Option[]} */
  options = [];
  list = h("select", { "aria-label": say("choice.house") });
  names = h("datalist", { id: "house-names" });
  field = h("input", {
    type: "search",
    list: "house-names",
    autocomplete: "off",
    "aria-label": say("choice.search"),
    placeholder: say("choice.search"),
  });
  /** The links to other pages, each with its address without a house. */
  links = [...document.querySelectorAll("nav a")]
    .map((link) => ({ link, page: link.getAttribute("href") ?? "" }))
    .filter(({ page }) => PAGES.includes(page));

  /** ``onChoose`` is called with the id of a house, "" for all. @param {(id: string) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.list.addEventListener("change", () => this.choose(this.list.value));
    this.field.addEventListener("focus", () => {
      this.field.value = ""; // else the browser offers only the houses that contain what is chosen
    });
    this.field.addEventListener("blur", () => this.write());
    this.field.addEventListener("input", (event) => {
      this.field.setCustomValidity("");
      // What was picked is chosen at once; what is typed may be the beginning of a longer name.
      const picked = !(event instanceof InputEvent) || event.inputType === "insertReplacementText";
      if (picked) this.search();
    });
    this.field.addEventListener("keydown", (event) => event.key === "Enter" && this.search(true));
  }

  /**
   * Offer these houses, if there is a choice; an unknown one that is chosen is among them. ``now``: what is known of the
   * chosen one by now, where that is newer.
   * @param {House[]} houses
   * @param {string} chosen
   * @param {Subject | null} now
   */
  show(houses, chosen, now = null) {
    const unknown = chosen && !houses.some((one) => one.id === chosen);
    this.box.hidden = houses.length < (unknown ? 1 : 2);
    if (this.box.hidden) return;
    const seen = new Set();
    const twice = new Set();
    for (const { name } of houses) (seen.has(name) ? twice : seen).add(name);
    const offered = houses.map((one) => {
      const state = one.id === now?.id ? now.state : one.state;
      return { id: one.id, words: wordsOf({ ...one, state }, twice.has(one.name)) };
    });
    this.options = [{ id: "", words: say("choice.all") }, ...offered];
    if (unknown) this.options.push({ id: chosen, words: say("choice.unknown", { id: chosen }) });
    this.chosen = chosen;
    const isList = houses.length <= MOST_LISTED;
    keyed(this.box, isList ? [this.list] : [this.field, this.names], (element) => element);
    this.offer(isList ? this.list : this.names);
    this.write();
    // A page that is not told shows the house that this browser remembers.
    const query = chosen || settings.gateway ? `?gateway=${encodeURIComponent(chosen)}` : "";
    for (const { link, page } of this.links) attribute(link, "href", page + query);
  }

  /** Fill the list, or what the field suggests. @param {HTMLElement} list */
  offer(list) {
    const ids = this.options.map((one) => one.id);
    const elements = keyed(list, ids, (id) => h("option", list === this.list ? { value: id } : {}));
    for (const [index, element] of elements.entries()) text(element, this.options[index].words);
  }

  /** Say which house is chosen; what is being typed stays. */
  write() {
    if (this.list.value !== this.chosen) this.list.value = this.chosen;
    if (document.activeElement === this.field) return;
    this.field.setCustomValidity("");
    this.field.value = this.options.find((one) => one.id === this.chosen)?.words ?? "";
  }

  /** Choose the house that the field names. With ``tell``, say why there is none. */
  search(tell = false) {
    const typed = this.field.value.trim();
    const wanted = typed.toLocaleLowerCase();
    if (!wanted) return;
    const words = (/** @type {Option} */ one) => one.words.toLocaleLowerCase();
    const same = this.options.filter((one) => words(one) === wanted || (one.id && one.id.toLowerCase() === wanted));
    const found = same.length ? same : this.options.filter((one) => words(one).includes(wanted));
    if (found.length === 1) {
      this.choose(found[0].id);
      this.field.blur();
    } else if (tell) {
      const count = found.length;
      const problem = count ? say("choice.many", { count, words: typed }) : say("choice.none", { words: typed });
      this.field.setCustomValidity(problem);
      this.field.reportValidity();
    }
  }

  /** @param {string} id */
  choose(id) {
    this.chosen = id;
    this.onChoose(id);
    change({ gateway: id });
  }
}

/** @param {House} house @param {boolean} withId another house has its name */
function wordsOf({ id, name, state }, withId) {
  const named = withId ? `${name} (${id})` : name;
  return state && inTrouble({ state }) ? `${named} – ${stateWords(state)[0]}` : named;
}

/**
 * Write the choice into the address, so that a reload, a bookmark and a copied link show the same house.
 * @param {string} id
 */
export function writeHouse(id) {
  const query = new URLSearchParams(location.search);
  if (id) query.set("gateway", id);
  else query.delete("gateway");
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}
