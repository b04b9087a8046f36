// A list of named facts.
import { h } from "../core/dom.js";

/**
 * Make a list of these facts; ``title`` writes the name of each.
 * @template {string} Name
 * @param {readonly Name[]} names
 * @param {(name: Name) => string} title
 */
export function factList(names, title) {
  const list = h("dl.facts");
  const cells = names.map((name) => {
    const term = h("dt", {}, title(name));
    const value = h("dd");
    list.append(term, value);
    return /** @type {const} */ ([name, { term, value }]);
  });
  return { list, cells: new Map(cells) };
}
