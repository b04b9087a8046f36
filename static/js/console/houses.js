// What the console knows of the houses: the overview of all, and the documents of those whose details are shown. One house
// comes as a stream of its own; of several together the overview streams, and their details are asked for now and then.
import { load } from "../core/dom.js";
import { LiveConnection } from "../core/live_connection.js";
import { subjectOf, unknownHouse } from "../core/subject.js";

const OVERVIEW_SECONDS = 15; // how often the overview is renewed while one house streams
const MISSED_SECONDS = 2; // the same as long as the first one has not come
const DETAILS_SECONDS = 10; // how often the details are renewed while the overview streams
const MOST_DETAILS = 24; // of more houses than these the overview has to do

export class Houses {
  /** ``chosen``: the id of one house, "" for all. ``onChange()`` when there is news, ``onState(state)`` of the connection. */
  constructor({ chosen, onChange, onState }) {
    Object.assign(this, { chosen, onChange, onState });
    this.overview = null; // the newest /api/site
    this.details = new Map(); // id -> the newest /api/site/{id}
    this.live = null;
  }

  /** ``first``: the answer to a question for the overview that is already on its way. */
  async start(first) {
    const answer = await first?.catch(() => null);
    if (answer?.ok) this.take(await answer.json().catch(() => null), false);
    this.follow();
    setInterval(() => document.hidden || this.renew(), 1000);
  }

  /** Show this house from here on, "" for all. */
  choose(id) {
    this.chosen = id;
    this.follow();
    this.onChange();
  }

  get ids() {
    return this.overview?.gateways.map((one) => one.id) ?? [];
  }

  /** Is a gateway chosen that is not configured? */
  get unknown() {
    return Boolean(this.chosen && this.overview) && !this.ids.includes(this.chosen);
  }

  /** The house that streams: the chosen one, or the only one there is; "": all together. */
  get streamed() {
    return this.unknown ? "" : this.chosen || (this.ids.length === 1 ? this.ids[0] : "");
  }

  /** What is shown, as core/subject.js has it; null as long as nothing has been heard. */
  get shown() {
    if (this.unknown) return unknownHouse(this.chosen);
    const one = this.streamed;
    if (!one) return this.overview && subjectOf(this.overview);
    if (this.details.has(one)) return subjectOf(this.details.get(one));
    const entry = this.overview?.gateways.find((other) => other.id === one);
    return entry ? subjectOf(entry) : null;
  }

  /** The documents of all houses whose details are shown, in the order of the configuration. */
  get shownDetails() {
    if (this.unknown) return [];
    const ids = this.streamed ? [this.streamed] : this.ids;
    return ids.map((id) => this.details.get(id)).filter(Boolean);
  }

  follow() {
    const wanted = this.streamed;
    if (this.live?.gateway === wanted) return;
    this.live?.stop();
    this.renewed = performance.now();
    this.live = new LiveConnection({
      gateway: wanted,
      onMessage: (message) => this.take(message),
      onState: (state) => {
        if (state.unknown) this.loadOverview();
        this.onState(state);
      },
    }).start();
    if (!wanted) this.loadDetails();
  }

  take(message, tell = true) {
    if (message?.site) {
      this.overview = message;
      for (const id of this.details.keys()) if (!this.ids.includes(id)) this.details.delete(id);
    } else if (message?.id) this.details.set(message.id, message);
    else return;
    if (this.live) this.follow();
    if (tell) this.onChange();
  }

  renew() {
    const every = !this.streamed ? DETAILS_SECONDS : this.overview ? OVERVIEW_SECONDS : MISSED_SECONDS;
    if (performance.now() - this.renewed < every * 1000) return;
    this.renewed = performance.now();
    if (this.streamed) this.loadOverview();
    else this.loadDetails();
  }

  async loadOverview() {
    this.take(await load("api/site"));
  }

  async loadDetails() {
    await Promise.all(
      this.ids.slice(0, MOST_DETAILS).map(async (id) => {
        const house = await load(`api/site/${encodeURIComponent(id)}`);
        if (house && this.ids.includes(house.id)) this.details.set(house.id, house);
      }),
    );
    this.onChange();
  }
}
