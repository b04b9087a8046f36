// The few helpers with which every page builds elements, and updates them without touching what has not changed.
import { languageParts, unmarked } from "./texts.js";

/**
 * @typedef {string | number | boolean | null | undefined | ((event: any) => unknown)} AttributeValue
 * @typedef {Record<string, AttributeValue>} Attributes
 * @typedef {Node | string | null | undefined} Child
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: h("p.note", {title: "x"}, "text", child). Attributes that are functions become listeners.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag | `${Tag}.${string}`} what
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElement(/** @type {Tag} */ (tag)), classes, attributes, children);
}

/**
 * Make an element of a drawing, like ``h``.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag | `${Tag}.${string}`} what
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElementNS(SVG, /** @type {Tag} */ (tag)), classes, attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {string[]} classes
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function fill(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : unmarked(String(value)));
  }
  for (const child of children) {
    if (typeof child === "string") element.append(...nodesOf(child));
    else if (child) element.append(child);
  }
  return element;
}

/**
 * Return the element of the page with this id; ``kind`` is its class where more than an element is needed.
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} kind
 */
export function find(id, kind = /** @type {new () => E} */ (/** @type {unknown} */ (HTMLElement))) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} with the id ${id}`);
}

/** Set the text only when it changed. @param {Node} element @param {string} value */
export function text(element, value) {
  if (element.textContent === unmarked(value)) return;
  if (element instanceof Element) element.replaceChildren(...nodesOf(value));
  else element.textContent = value;
}

/**
 * Return words as one node, or none; English ones in a page of another language say so.
 * @param {string} words
 * @returns {(Node | string)[]}
 */
function nodesOf(words) {
  const parts = languageParts(words).map((part, index) => (index % 2 ? h("span", { lang: "en" }, part) : part));
  const [first, ...others] = parts.filter((part) => part !== "");
  if (!first) return [];
  if (!others.length) return [first];
  const whole = h("span"); // an element that lays out its children must not pull them apart
  whole.append(first, ...others);
  return [whole];
}

/**
 * Set the text of a cell as a button that says where the number comes from (explain_panel.js); without a name as plain
 * text.
 * @param {Element} cell
 * @param {string} value
 * @param {string | null | undefined} name
 */
export function figure(cell, value, name, gateway = "") {
  if (!name) {
    text(cell, value);
    return;
  }
  let button = cell.firstElementChild;
  if (!button?.matches("button.number")) {
    button = h("button.number", { type: "button", "aria-haspopup": "dialog" });
    cell.replaceChildren(button);
  }
  text(button, value);
  attributes(button, { "data-name": name, "data-gateway": gateway });
}

/** Plain words, or [words, name] of a number. @typedef {string | [words: string, name: string]} Piece */

/**
 * Set a cell of several pieces.
 * @param {Element} cell
 * @param {Piece[]} pieces
 */
export function figures(cell, pieces, gateway = "") {
  const spans = keyed(cell, [...pieces.keys()], () => h("span"));
  for (const [index, piece] of pieces.entries()) {
    if (Array.isArray(piece)) figure(spans[index], piece[0], piece[1], gateway);
    else text(spans[index], piece);
  }
}

/**
 * Make an element of a drawing a button like that of ``figure``; ``label`` is what a screen reader says.
 * @param {Element} element
 * @param {string} label
 * @param {string | null} name
 */
export function drawnFigure(element, label, name, gateway = "") {
  const button = { role: "button", tabindex: 0, "aria-haspopup": "dialog", "aria-label": label };
  const given = { ...button, "data-name": name, "data-gateway": gateway };
  for (const [key, value] of Object.entries(given)) attribute(element, key, name ? value : null);
}

/**
 * Set or remove an attribute only when it changed.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Set or remove several attributes, each only when it changed.
 * @param {Element} element
 * @param {Record<string, string | number | boolean | null | undefined>} values
 */
export function attributes(element, values) {
  for (const [name, value] of Object.entries(values)) attribute(element, name, value);
}

/**
 * Set a CSS custom property only when it changed.
 * @param {HTMLElement | SVGElement} element
 * @param {string} name
 * @param {string | number} value
 */
export function property(element, name, value) {
  if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, String(value));
}

/** What ``keyed`` has put into an element. @type {WeakMap<Element, Map<unknown, any>>} */
const keyedChildren = new WeakMap();

/**
 * Make ``parent`` hold one child per key, in their order, and keep those that exist. ``create(key)`` makes a new one:
 * an element, or an object that holds it as ``element`` beside its parts. Return the children.
 * @template Key
 * @template {Element | {element: Element}} Row
 * @param {Element} parent
 * @param {Key[]} keys
 * @param {(key: Key) => Row} create
 * @returns {Row[]}
 */
export function keyed(parent, keys, create) {
  /** @type {Map<Key, Row>} */
  const existing = keyedChildren.get(parent) ?? new Map();
  keyedChildren.set(parent, existing);
  for (const [key, row] of existing) {
    if (keys.includes(key)) continue;
    elementOf(row).remove();
    existing.delete(key);
  }
  let next = parent.firstChild;
  return keys.map((key) => {
    const row = existing.get(key) ?? create(key);
    existing.set(key, row);
    const element = elementOf(row);
    if (element === next) next = next.nextSibling;
    else parent.insertBefore(element, next);
    return row;
  });
}

/** @param {Element | {element: Element}} row */
const elementOf = (row) => (row instanceof Element ? row : row.element);
