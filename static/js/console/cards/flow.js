// The drawing of the power flow page.
import { h } from "../../core/dom.js";
import { SCALE } from "../../core/labels.js";
import { FlowDrawing } from "../../flow/flow_drawing.js";

/** @type {Card["create"]} */
export function powerFlow(card, _app, hint) {
  const room = h("div.flow-room");
  card.append(room);
  const drawing = new FlowDrawing(room);
  hint(SCALE);
  return { update: ({ shown, faded }) => drawing.show(shown, { faded }) };
}
