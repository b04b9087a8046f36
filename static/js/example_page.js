// Shows how to embed the power flow, in every style.
import { attribute, find, h, text } from "./core/dom.js";
import { DASH } from "./core/format.js";
import { address, load } from "./core/load.js";

const STYLES = ["clear", "black", "white", "grafana", "grafana-dark", "solar", "dakboard"];
const select = find("style", HTMLSelectElement);
const wanted = new URLSearchParams(location.search).get("style") || document.documentElement.dataset.style;
select.append(...STYLES.map((name) => h("option", { value: name, selected: name === wanted }, name)));

function show() {
  const source = `./?style=${select.value}`;
  attribute(find("frame"), "src", source);
  text(find("code"), `<iframe src="${address(source)}" width="640" height="440" title="Power flow"></iframe>`);
}
select.addEventListener("change", show);
show();
load("version").then((answer) => text(find("firmware"), answer?.version ?? DASH));
