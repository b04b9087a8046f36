// What the console knows of the houses: the overview of all, and the documents of those whose details are shown. One
// house comes as a stream of its own; of several together the overview streams, and their details are asked for now and
// then.
import { LiveConnection } from "../core/live_connection.js";
import { load } from "../core/load.js";
import { subjectOf, unknownHouse } from "../core/subject.js";

/**
 * @import { ConnectionState } from "../core/live_connection.js"
 * @import { Subject } from "../core/subject.js"
 */

const OVERVIEW_SECONDS = 15; // how often the overview is renewed while one house streams
const MISSED_SECONDS = 2; // the same as long as the first one has not come
const DETAILS_SECONDS = 10; // how often the details are renewed while the overview streams
const MOST_DETAILS = 24; // of more houses than these only the overview is shown

export class Houses {
  /** The newest /api/site. @type {SiteOverview | null} */
  overview = null;
  /** The newest /api/site/{id}, by id. @type {Map<string, SiteHouse>} */
  details = new Map();
  /** @type {LiveConnection | null} */
  live = null;
  renewed = 0; // when something was last asked for

  /**
   * ``chosen``: the id of one house, "" for all. ``onChange`` is called when there is news, ``onState`` when the
   * connection changes.
   * @param {{chosen: string, onChange: () => void, onState: (state: ConnectionState) => void}} options
   */
  constructor({ chosen, onChange, onState }) {
    this.chosen = chosen;
    this.onChange = onChange;
    this.onState = onState;
  }

  /**
   * Begin to listen. ``first``: the answer to a question for the overview that is already on its way.
   * @param {Promise<Response>} [first]
   */
  async start(first) {
    const answer = await first?.catch(() => null);
    if (answer?.ok) this.take(await answer.json().catch(() => null), false);
    this.follow();
    setInterval(() => document.hidden || this.renew(), 1000);
  }

  /** Show this house from now on, "" for all. @param {string} id */
  choose(id) {
    this.chosen = id;
    this.follow();
    this.onChange();
  }

  get ids() {
    return this.overview?.gateways.map((one) => one.id) ?? [];
  }

  /** A gateway is chosen that is not configured. */
  get unknown() {
    return Boolean(this.chosen && this.overview) && !this.ids.includes(this.chosen);
  }

  /** The house that streams: the chosen one, or the only one there is; "": all together. */
  get streamed() {
    if (this.unknown) return "";
    return this.chosen || (this.ids.length === 1 ? this.ids[0] : "");
  }

  /** What is shown; null as long as nothing has been heard. @returns {Subject | null} */
  get shown() {
    if (this.unknown) return unknownHouse(this.chosen);
    const id = this.streamed;
    const known = id ? (this.details.get(id) ?? this.overview?.gateways.find((one) => one.id === id)) : this.overview;
    return known ? subjectOf(known) : null;
  }

  /** The documents of all houses whose details are shown, in the order of the configuration. */
  get shownDetails() {
    if (this.unknown) return [];
    const ids = this.streamed ? [this.streamed] : this.ids;
    return ids.flatMap((id) => this.details.get(id) ?? []);
  }

  /** Listen to the house that streams, or to the overview. */
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
    });
    this.live.start();
    if (!wanted) this.loadDetails();
  }

  /** @param {SiteOverview | SiteHouse | null} message */
  take(message, tell = true) {
    if (!message || typeof message !== "object") return;
    if ("site" in message) {
      this.overview = message;
      for (const id of this.details.keys()) if (!this.ids.includes(id)) this.details.delete(id);
    } else this.details.set(message.id, message);
    if (this.live) this.follow();
    if (tell) this.onChange();
  }

  /** Ask for what does not stream when it is due. */
  renew() {
    const everySeconds = !this.streamed ? DETAILS_SECONDS : this.overview ? OVERVIEW_SECONDS : MISSED_SECONDS;
    if (performance.now() - this.renewed < everySeconds * 1000) return;
    this.renewed = performance.now();
    if (this.streamed) this.loadOverview();
    else this.loadDetails();
  }

  async loadOverview() {
    this.take(await load("api/site"));
  }

  async loadDetails() {
    const asked = this.ids.slice(0, MOST_DETAILS).map((id) => load(`api/site/${encodeURIComponent(id)}`));
    for (const house of await Promise.all(asked)) {
      if (house && this.ids.includes(house.id)) this.details.set(house.id, house);
    }
    this.onChange();
  }
}
