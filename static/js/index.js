// The power flow page: one drawing of one gateway, or of all of them together.
import { attribute, text } from "./core/dom.js";
import { known, percent, span } from "./core/format.js";
import { Age, Live } from "./core/live.js";
import { modelOf } from "./core/model.js";
import { MODES, NO_ANSWER, notice } from "./core/words.js";
import { FlowView } from "./flow/view.js";

const query = new URLSearchParams(location.search);
const find = (id) => document.getElementById(id);
const flow = new FlowView(find("flow"));
const age = new Age();
let subject = null, lost = false;

function show() {
  const faded = lost || !subject?.data || subject.stale || age.old;
  flow.show(subject, { faded });
  const [words, bad] = lost ? [NO_ANSWER, true] : notice(subject, age.seconds, age.old);
  text(find("notice"), words);
  find("notice").classList.toggle("bad", bad);
  text(find("mode"), subject?.mode ? MODES[subject.mode] ?? subject.mode : "");
  text(find("reserve"), known(subject?.reserve) ? `Reserve ${percent(subject.reserve)}` : "");
  text(find("left"), known(subject?.hoursLeft) ? `${span(subject.hoursLeft * 3600)} left` : "");
  text(find("age"), known(age.seconds) ? `Read ${span(age.seconds)} ago` : "");
}

new Live({
  onMessage(message) {
    subject = modelOf(message);
    subject = query.has("gateway") ? subject.find(query.get("gateway")) : subject.site;
    age.see(subject);
    text(find("site"), subject.siteName);
    show();
  },
  onState(state) {
    lost = state.lost;
    attribute(document.documentElement, "data-transport", state.transport || "none");
    show();
  },
}).start();
setInterval(() => !document.hidden && show(), 1000);
