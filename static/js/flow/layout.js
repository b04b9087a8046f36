// Where things are. Everything is computed from the frame's shape, once per resize, in units of the drawing.

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {"solar" | "grid" | "home" | "battery"} NodeName
 * @typedef {ReturnType<typeof layout>} Layout
 */

/** @type {NodeName[]} */
export const NODES = ["solar", "grid", "home", "battery"];
export const NODE_RADIUS = 84;
export const SMALL_RADIUS = 50; // of a meter beyond the four
export const HUB_RADIUS = 30;
const EDGE = 14; // between a node and the edge of the drawing
const WORDS_HEIGHT = 72; // of what stands below the left and the right node

/** @param {number} low @param {number} value @param {number} high */
const clamp = (low, value, high) => Math.min(high, Math.max(low, value));

/**
 * Return the geometry for a frame of this size in pixels. Without a battery the rest stands in the middle.
 * @param {number} widthPixels
 * @param {number} heightPixels
 */
export function layout(widthPixels, heightPixels, battery = true) {
  const aspect = clamp(0.62, widthPixels > 0 && heightPixels > 0 ? widthPixels / heightPixels : 1, 2.6);
  const height = aspect >= 1 ? 620 : clamp(620, 620 / aspect, 860);
  const width = aspect >= 1 ? 620 * aspect : 620;
  const across = Math.min(width / 2 - NODE_RADIUS - EDGE, 420);
  const up = clamp(214, height / 2 - NODE_RADIUS - EDGE, 300);
  const hub = { x: width / 2, y: height / 2 - 4 + (battery ? 0 : up / 2 - 30) };
  const nodes = {
    solar: { x: hub.x, y: hub.y - up },
    battery: { x: hub.x, y: hub.y + up },
    grid: { x: hub.x - across, y: hub.y },
    home: { x: hub.x + across, y: hub.y },
  };
  // The corners on the left are free: solar and battery have their words on the right.
  const belowGrid = hub.y + NODE_RADIUS + WORDS_HEIGHT + SMALL_RADIUS;
  const corners = [
    { x: nodes.grid.x, y: Math.max(nodes.battery.y - SMALL_RADIUS / 2, belowGrid) },
    { x: nodes.grid.x, y: nodes.solar.y - SMALL_RADIUS / 2 },
  ];
  return {
    width,
    height,
    hub,
    ...nodes,
    corners: battery ? corners : corners.slice(1),
    scale: Math.min(widthPixels / width, heightPixels / height),
  };
}

/**
 * Return the ends of the line between a node and the hub, from the rim of the one to the rim of the other.
 * @param {Point} node
 * @param {Point} hub
 */
export function spoke(node, hub, radius = NODE_RADIUS) {
  const length = Math.hypot(hub.x - node.x, hub.y - node.y);
  const unitX = (hub.x - node.x) / length;
  const unitY = (hub.y - node.y) / length;
  return {
    from: { x: node.x + unitX * radius, y: node.y + unitY * radius },
    to: { x: hub.x - unitX * HUB_RADIUS, y: hub.y - unitY * HUB_RADIUS },
  };
}
