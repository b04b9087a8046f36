// A list of named facts.
import { h } from "../core/dom.js";

/**
 * Make a list of these facts, each with its name.
 * @template {string} Name
 * @param {readonly Name[]} names
 */
export function factList(names) {
  const list = h("dl.facts");
  const cells = names.map((name) => {
    const term = h("dt", {}, name);
    const value = h("dd");
    list.append(term, value);
    return /** @type {const} */ ([name, { term, value }]);
  });
  return { list, cells: new Map(cells) };
}
