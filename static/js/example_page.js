// Shows how to embed the power flow, in every style.
import { address, h, load, text } from "./core/dom.js";
import { DASH } from "./core/format.js";

const STYLES = ["clear", "black", "white", "grafana", "grafana-dark", "solar", "dakboard"];
const find = (id) => document.getElementById(id);
const select = find("style");
const wanted = new URLSearchParams(location.search).get("style") || document.documentElement.dataset.style;
select.append(...STYLES.map((name) => h("option", { value: name, selected: name === wanted }, name)));

function show() {
  const source = `./?style=${select.value}`;
  if (find("frame").getAttribute("src") !== source) find("frame").setAttribute("src", source);
  text(find("code"), `<iframe src="${address(source)}" width="640" height="440" title="Power flow"></iframe>`);
}
select.addEventListener("change", show);
show();
load("version").then((answer) => text(find("firmware"), answer?.version ?? DASH));
