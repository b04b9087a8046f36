// The few helpers every page uses to build and update elements without touching what has not changed.
import { answerSaid } from "./server_clock.js";

/** An element: h("p.note", {title: "x"}, "text", child). Attributes that are functions become listeners. */
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElement(tag || "div"), classes, attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG. */
export function s(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set the text only when it changed. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Set the text of a cell as a button that says where the number comes from (explain_panel.js); without a name as plain text. */
export function figure(cell, value, name, gateway = "") {
  const is = cell.firstElementChild?.matches("button.number") ? cell.firstElementChild : null;
  if (!name) return text(cell, value);
  const button = is ?? h("button.number", { type: "button", "aria-haspopup": "dialog" });
  if (!is) cell.replaceChildren(button);
  text(button, value);
  attribute(button, "data-name", name);
  attribute(button, "data-gateway", gateway);
}

/** A cell of several pieces: plain words, and [words, name] of numbers. */
export function figures(cell, pieces, gateway = "") {
  const spans = keyed(cell, [...pieces.keys()], () => h("span"));
  for (const [index, piece] of pieces.entries()) {
    if (Array.isArray(piece)) figure(spans[index], ...piece, gateway);
    else text(spans[index], piece);
  }
}

/** Like ``figure``, for an element of a drawing, which says its own name to those who hear it. */
export function drawnFigure(element, label, name, gateway = "") {
  const given = {
    role: "button",
    tabindex: 0,
    "aria-haspopup": "dialog",
    "aria-label": label,
    "data-name": name,
    "data-gateway": gateway,
  };
  for (const [key, value] of Object.entries(given)) attribute(element, key, name ? value : null);
}

/** Set or remove an attribute only when it changed. */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Set a CSS custom property only when it changed. */
export function property(element, name, value) {
  if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
}

/** Make ``parent`` hold one child per key, in order, keeping those that exist. ``create(key)`` makes a new one. */
export function keyed(parent, keys, create) {
  parent.keyedChildren ??= new Map();
  const known = parent.keyedChildren;
  for (const [key, child] of known) {
    if (!keys.includes(key)) {
      child.remove();
      known.delete(key);
    }
  }
  let before = parent.firstChild;
  return keys.map((key) => {
    let child = known.get(key);
    if (!child) {
      child = create(key);
      known.set(key, child);
    }
    if (child === before) before = before.nextSibling;
    else parent.insertBefore(child, before);
    return child;
  });
}

/** Read once, remembered for the life of the page: the address of a file or an API below this page's folder. */
export const address = (path) => new URL(path, document.baseURI).href;

/** JSON of an API path, or null when it cannot be had: refused, given up by ``signal``, or nothing said in ten seconds. */
export async function load(path, { signal } = {}) {
  const patience = AbortSignal.timeout(10_000);
  try {
    const answer = await fetch(address(path), {
      cache: "no-cache",
      signal: signal ? (AbortSignal.any?.([signal, patience]) ?? signal) : patience,
    });
    answerSaid(answer);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
