// The numbers of the default gateway, once a second. Unknown is a dash, never a zero.
const watts = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const show = (id, text) => { document.getElementById(id).textContent = text; };

async function refresh() {
  try {
    const answer = await fetch("json", { cache: "no-cache" });
    const data = await answer.json();
    for (const id of ["solar", "home", "battery", "grid"]) {
      show(id, Number.isFinite(data[id]) ? `${watts.format(data[id])} W` : "–");
    }
    show("soe", Number.isFinite(data.soe) ? `${percent.format(data.soe)} %` : "–");
    const age = Number(answer.headers.get("age"));
    const known = Number.isFinite(data.home);
    document.body.classList.toggle("stale", !known);
    show("state", known ? `Read ${age} s ago` : "No data from the gateway yet");
  } catch {
    document.body.classList.add("stale");
    show("state", "Connection lost, trying again…");
  } finally {
    setTimeout(refresh, 1000);
  }
}
refresh();
