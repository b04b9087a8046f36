// The page of houses: a row for each, those in trouble on top; sorted by any column, filtered by name and state.
import { attribute, find, h, keyed, text } from "../core/dom.js";
import { checkWords, NO_ANSWER } from "../core/labels.js";
import { address } from "../core/load.js";
import { attempts, coarseSpan } from "../core/sentences.js";
import { ago, atOneMoment, noteServerTime } from "../core/server_clock.js";
import { asSentence, inSentence, say, translated, withoutStop } from "../core/texts.js";
import { followTopSentence } from "../core/top_line.js";
import { levelOf, trouble } from "../core/top_sentence.js";
import { COLUMNS, counted, sorted } from "./house_columns.js";

/** @import { HouseRow } from "./house_columns.js" */

/** The words of the state of a house in which nothing is wrong. @type {Record<string, string>} */
const CALM = {
  well: say("houses.well"),
  unrefuted: say("houses.unrefuted"),
  waiting: say("houses.waiting"),
};
const FASTEST_MS = 3000;
const BYTES_PER_SECOND = 15_000;
const PATIENCE_MS = 15_000;
const ROWS_AT_FIRST = 200;

const query = new URLSearchParams(location.search);
/** @type {HouseRow[]} */
let houses = [];
let limit = ROWS_AT_FIRST;
let by = query.get("sort") ?? "state";
let down = query.get("down") === "1";

/** Which houses each choice shows. @type {Record<string, [words: string, shows: (row: HouseRow) => boolean]>} */
const SHOWN = {
  "": [say("houses.everything"), () => true],
  trouble: [say("houses.troubled"), (row) => !(row.condition in CALM)],
  well: [say("houses.isWell"), (row) => row.condition === "well" || row.condition === "unrefuted"],
  waiting: [say("houses.isWaiting"), (row) => row.condition === "waiting"],
  failed: [say("houses.failed"), (row) => Boolean(row.failed_check)],
};

/** @param {string} id */
function sortBy(id) {
  const column = COLUMNS.find((one) => one.id === id);
  down = by === id ? !down : Boolean(column?.down);
  by = id;
  changed();
}

/** Write what was chosen into the address, and show it. */
function changed() {
  const chosen = { sort: by === "state" ? "" : by, down: down ? "1" : "", find: wanted(), show: shown() };
  for (const [name, value] of Object.entries(chosen)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  show();
}

const wanted = () => find("find", HTMLInputElement).value.trim();
const shown = () => find("show", HTMLSelectElement).value;

/** @param {HouseRow} row */
const stateWords = (row) => CALM[row.condition] ?? withoutStop(asSentence(trouble(row)));

/** Return the name of a column where no heading stands over several. @param {import("./house_columns.js").Column} column */
const titleOf = ({ title, group }) => (group ? say("houses.inGroup", { title }) : title);

/** @param {string} id */
function makeRow(id) {
  const cells = COLUMNS.map((column) =>
    column.id === "name"
      ? h("th", { scope: "row", "data-column": column.id })
      : h("td", { "data-column": column.id, "data-title": titleOf(column) }),
  );
  const link = h("a", { href: `console?gateway=${encodeURIComponent(id)}` });
  const pill = h("span.pill");
  const more = h("small");
  const check = h("small.check");
  cells[0].append(link);
  cells[1].append(pill, more, check);
  return { element: h("tr", { "data-house": id }, ...cells), cells, link, pill, more, check };
}

/** @param {ReturnType<typeof makeRow>} parts @param {HouseRow} row */
function showRow({ element, cells, link, pill, more, check }, row) {
  attribute(element, "class", row.old ? "old" : null);
  text(link, row.name);
  text(pill, stateWords(row));
  attribute(pill, "class", `pill ${levelOf(row.condition)}`);
  const advice = translated(row.advice ?? "");
  text(more, row.sentence ? `${advice} ${asSentence(attempts(row))}`.trim() : "");
  text(check, row.failed_check ? say("houses.failedCheck", { check: inSentence(checkWords(row.failed_check)) }) : "");
  for (const [index, { id, words }] of COLUMNS.entries()) {
    if (words) text(cells[index], words(row));
    else if (id === "seen") {
      const age = ago(row.read_at);
      text(cells[index], age === null ? say("houses.never") : say("houses.ago", { time: coarseSpan(age) }));
    }
  }
}

const show = () => atOneMoment(draw);

function draw() {
  const name = wanted().toLocaleLowerCase();
  const [, shows] = SHOWN[shown()] ?? SHOWN[""];
  const found = houses.filter(
    (row) => shows(row) && (row.name.toLocaleLowerCase().includes(name) || row.id.toLowerCase().includes(name)),
  );
  const rows = sorted(found, by, down).slice(0, limit);
  const made = keyed(body, rows.length ? rows.map((row) => row.id) : [], makeRow);
  for (const [index, parts] of made.entries()) showRow(parts, rows[index]);
  for (const heading of table.querySelectorAll("th[data-sort]")) {
    const own = heading.getAttribute("data-sort") === by;
    attribute(heading, "aria-sort", own ? (down ? "descending" : "ascending") : null);
  }
  find("sort", HTMLSelectElement).value = by;
  find("all").hidden = found.length <= limit;
  text(find("all"), say("houses.showAll", { count: found.length }));
  text(find("count"), houses.length && !found.length ? say("houses.none") : counted(found.length, houses.length));
}

/** Ask for all houses; the more there are, the less often. */
async function ask() {
  let pause = FASTEST_MS;
  if (!document.hidden) {
    try {
      const answer = await fetch(address("api/houses"), {
        cache: "no-cache",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (!answer.ok) throw new Error(NO_ANSWER);
      const body = await answer.text();
      const message = /** @type {HouseRows} */ (JSON.parse(body));
      noteServerTime(message.time, false);
      houses = message.houses;
      const sent = performance.getEntriesByName(address("api/houses")).at(-1);
      const bytes =
        sent instanceof PerformanceResourceTiming && sent.encodedBodySize ? sent.encodedBodySize : body.length;
      performance.clearResourceTimings();
      pause = Math.max(FASTEST_MS, (bytes / BYTES_PER_SECOND) * 1000);
      show();
      attribute(document.documentElement, "data-shown", "1");
    } catch {
      // The sentence on top says that the server does not answer; what is known stays, with its age.
    }
  }
  setTimeout(ask, pause);
}

/** Make the words that stand over several columns. */
function groups() {
  const grouped = COLUMNS.filter((column) => column.group);
  const before = COLUMNS.indexOf(grouped[0]);
  const over = h("th.group", { scope: "colgroup", colspan: grouped.length }, grouped[0].group);
  const after = COLUMNS.length - before - grouped.length;
  return [h("td", { colspan: before }), over, h("td", { colspan: after })];
}

const table = find("houses");
const body = h("tbody");

function build() {
  const heads = COLUMNS.map(({ id, title, group }) => {
    const button = h("button", { type: "button", click: () => sortBy(id) }, title);
    return h("th", { scope: "col", "data-sort": id, "data-column": id, "data-grouped": Boolean(group) }, button);
  });
  table.append(h("thead", {}, h("tr", {}, ...groups()), h("tr", {}, ...heads)), body);
  for (const [value, [words]] of Object.entries(SHOWN)) find("show").append(h("option", { value }, words));
  for (const column of COLUMNS) find("sort").append(h("option", { value: column.id }, titleOf(column)));
  find("find", HTMLInputElement).value = query.get("find") ?? "";
  find("show", HTMLSelectElement).value = query.get("show") ?? "";
  if (!shown()) find("show", HTMLSelectElement).value = "";
  if (!COLUMNS.some((column) => column.id === by)) by = "state";
  find("find").addEventListener("input", changed);
  find("show").addEventListener("change", changed);
  find("sort").addEventListener("change", () => sortBy(find("sort", HTMLSelectElement).value));
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("all").addEventListener("click", () => {
    limit = Number.POSITIVE_INFINITY;
    show();
  });
}

build();
ask();
followTopSentence(() => "");
setInterval(() => document.hidden || show(), 1000);
