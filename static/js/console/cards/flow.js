import { h } from "../../core/dom.js";
import { FlowView } from "../../flow/view.js";

/** The drawing of the power flow page. */
export function powerFlow(card) {
  const room = h("div.flow-room");
  card.append(room);
  const view = new FlowView(room);
  return { update: (app) => view.show(app.subject, { faded: app.faded }) };
}
