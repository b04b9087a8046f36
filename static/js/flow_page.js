// The power flow page: one drawing of one gateway, or of all of them together.

import { attribute, figure, load, text } from "./core/dom.js";
import { explainNumbers } from "./core/explain_panel.js";
import { known, number, percent, span } from "./core/format.js";
import { LiveConnection } from "./core/live_connection.js";
import { showNotice } from "./core/notice.js";
import { MODES, NO_ANSWER, noSuchGateway, notice, SCALE } from "./core/sentences.js";
import { ago } from "./core/server_clock.js";
import { nameOf, subjectOf, unknownHouse } from "./core/subject.js";
import { FlowDrawing } from "./flow/flow_drawing.js";

const gateway = new URLSearchParams(location.search).get("gateway") || "";
const find = (id) => document.getElementById(id);
const flow = new FlowDrawing(find("flow"));
let subject = null,
  lost = false,
  gateways = null;

function show() {
  flow.show(subject, { faded: lost || !subject?.known || subject.old });
  showNotice(
    lost
      ? { words: NO_ANSWER, bad: true }
      : subject?.unknown
        ? { words: noSuchGateway(gateway, gateways), bad: true, block: true }
        : notice(subject),
  );
  text(find("site"), subject?.title ?? "");
  const shown = (id, words, name) => figure(find(id), words, words && nameOf(subject, name), subject?.id);
  shown(
    "houses",
    subject?.several && known(subject.fresh) ? `${number(subject.fresh)} of ${number(subject.gateways)} live` : "",
    "fresh",
  );
  text(find("mode"), subject?.mode ? (MODES[subject.mode] ?? subject.mode) : "");
  shown(
    "reserve",
    known(subject?.reserve_percent) ? `Reserve ${percent(subject.reserve_percent)}` : "",
    "reserve_percent",
  );
  shown("left", known(subject?.hours_left) ? `${span(subject.hours_left * 3600)} left` : "", "hours_left");
  text(find("scale"), known(subject?.charge_percent) ? SCALE : "");
  shown("age", known(ago(subject?.read_at)) ? `Read ${span(ago(subject.read_at))} ago` : "", "read_at");
}

new LiveConnection({
  gateway,
  onMessage(message) {
    subject = subjectOf(message);
    show();
  },
  async onState(state) {
    lost = state.lost;
    attribute(document.documentElement, "data-transport", state.transport || "none");
    if (state.unknown) subject = unknownHouse(gateway);
    show();
    if (state.unknown) {
      gateways = (await load("api/site"))?.gateways ?? null;
      show();
    }
  },
}).start(window.pwserverFirst);
setInterval(() => !document.hidden && show(), 1000);
explainNumbers();
