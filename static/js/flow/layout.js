// Where things are. Everything is computed from the frame's shape, once per resize, in units of the drawing.
export const RADIUS = 84;
export const HUB = 30;

const clamp = (low, value, high) => Math.min(high, Math.max(low, value));

/** The geometry for a frame of this shape. Without a battery the rest stands in the middle. */
export function layout(width, height, battery = true) {
  const aspect = clamp(0.62, width > 0 && height > 0 ? width / height : 1, 2.6);
  const H = aspect >= 1 ? 620 : clamp(620, 620 / aspect, 860);
  const W = aspect >= 1 ? 620 * aspect : 620;
  const across = Math.min(W / 2 - RADIUS - 14, 420);
  const up = clamp(214, H / 2 - RADIUS - 14, 300);
  const hub = { x: W / 2, y: H / 2 - 4 + (battery ? 0 : up / 2 - 30) };
  return {
    width: W,
    height: H,
    hub,
    solar: { x: hub.x, y: hub.y - up },
    battery: { x: hub.x, y: hub.y + up },
    grid: { x: hub.x - across, y: hub.y },
    home: { x: hub.x + across, y: hub.y },
    scale: Math.min(width / W, height / H),
  };
}

/** End points of the line between a node and the hub, from the rim of the one to the rim of the other. */
export function spoke(place, hub, radius = RADIUS) {
  const length = Math.hypot(hub.x - place.x, hub.y - place.y);
  const ux = (hub.x - place.x) / length,
    uy = (hub.y - place.y) / length;
  return {
    from: { x: place.x + ux * radius, y: place.y + uy * radius },
    to: { x: hub.x - ux * HUB, y: hub.y - uy * HUB },
    length: length - radius - HUB,
  };
}
