import { h } from "../../core/dom.js";
import { SCALE } from "../../core/sentences.js";
import { FlowDrawing } from "../../flow/flow_drawing.js";

/** The drawing of the power flow page. */
export function powerFlow(card, _app, hint) {
  const room = h("div.flow-room");
  card.append(room);
  const view = new FlowDrawing(room);
  hint(SCALE);
  return { update: ({ shown, faded }) => view.show(shown, { faded }) };
}
