// Live data: WebSocket, else event stream, else polling. Whatever breaks is tried again; the page is never reloaded.
import { address } from "./load.js";
import { noteDateHeader, noteServerTime } from "./server_clock.js";

/**
 * @typedef {"socket" | "stream" | "poll"} Transport
 * @typedef {object} ConnectionState
 * @property {Transport | ""} transport what the last document came by; empty: none yet, or the connection is lost
 * @property {boolean} lost the server does not answer
 * @property {boolean} unknown the server has no gateway of this id
 */

const SILENCE_MS = 7000; // the server sends something every two seconds, if only its time
const FIRST_MS = 4000; // so long a transport may take until its first message
const POLL_MS = 2000;
const STOPGAP_MS = 3500; // so long after the last message a single question is asked
const ASK_MS = 8000; // so long an answer to it may take
const BACK_TO_BEST_MS = 60_000;
const LOST_AFTER_MS = 5000;
const UNKNOWN_MS = 10_000; // before it is asked again whether there is such a gateway by now
const PAUSES_MS = [300, 1000, 2000, 4000, 8000];
/** From the best to the simplest. @type {Transport[]} */
const TRANSPORTS = ["socket", "stream", "poll"];

export class LiveConnection {
  /** Closes what is open. @type {(() => void) | null} */
  close = null;
  /** @type {Transport | ""} */
  transport = "";
  lost = false;
  unknown = false;
  asking = false;
  spoken = false; // the transport that is open has sent something
  spokenAt = 0;
  opened = 0;
  failures = 0;
  choice = 0; // of this.transports
  lastAt = performance.now();
  stopping = new AbortController();
  timer = 0;
  watch = 0;

  /**
   * ``gateway``: the id of one house, else all together. ``onMessage`` is called with every document, ``onState`` when
   * the connection changes.
   * @param {{
   *   gateway?: string,
   *   onMessage: (message: SiteOverview | SiteHouse) => void,
   *   onState: (state: ConnectionState) => void,
   * }} options
   */
  constructor({ onMessage, onState, gateway = "" }) {
    const id = encodeURIComponent(gateway);
    this.onMessage = onMessage;
    this.onState = onState;
    this.gateway = gateway;
    this.path = gateway ? `api/site/${id}` : "api/site";
    this.socket = gateway ? `ws/site/${id}` : "ws/site";
    this.stream = `api/stream?document=site${gateway ? `&gateway=${id}` : ""}`;
    this.transports = transportsAllowed();
  }

  /**
   * Open the connection. ``first``: the answer to a question that is already on its way.
   * @param {Promise<Response>} [first]
   */
  start(first) {
    // The first numbers do not wait for any handshake.
    first?.then(
      (answer) => {
        if (!this.spoken) this.take(answer, "");
      },
      () => {}, // the connection itself notices that nothing comes
    );
    this.open();
    this.watch = window.setInterval(() => this.check(), 1000);
    const { signal } = this.stopping;
    addEventListener("online", () => this.retry(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.retry(), { signal });
    document.addEventListener(
      "visibilitychange",
      () => !document.hidden && this.silentFor() > SILENCE_MS && this.retry(),
      { signal },
    );
    return this;
  }

  /** Close the connection for good. */
  stop() {
    this.stopping.abort();
    clearInterval(this.watch);
    this.shut();
  }

  get stopped() {
    return this.stopping.signal.aborted;
  }

  /** Close what is open; ``open`` may follow. */
  shut() {
    clearTimeout(this.timer);
    this.close?.();
    this.close = null;
  }

  silentFor() {
    return performance.now() - this.lastAt;
  }

  open() {
    this.shut();
    const transport = this.transports[this.choice];
    this.opened = performance.now();
    this.spoken = false;
    if (transport === "socket") this.openSocket();
    else if (transport === "stream") this.openStream();
    else this.openPolling();
  }

  openSocket() {
    const socket = new WebSocket(address(this.socket).replace(/^http/, "ws"));
    socket.onmessage = (event) => this.hear(event.data, "socket");
    socket.onclose = () => this.close === close && this.failed();
    const close = () => {
      socket.onclose = socket.onmessage = null;
      socket.close();
    };
    this.close = close;
  }

  openStream() {
    const stream = new EventSource(address(this.stream));
    stream.onmessage = (event) => this.hear(event.data, "stream");
    stream.onerror = () => this.close === close && this.failed();
    const close = () => {
      stream.onerror = stream.onmessage = null;
      stream.close();
    };
    this.close = close;
  }

  openPolling() {
    const timer = setInterval(() => this.ask(true), POLL_MS);
    const better = setTimeout(() => {
      this.choice = 0;
      this.open();
    }, BACK_TO_BEST_MS);
    this.close = () => {
      clearInterval(timer);
      clearTimeout(better);
    };
    this.ask(true);
  }

  /** Ask once; ``polling``: because no better transport works. */
  async ask(polling = false) {
    if (this.asking) return;
    this.asking = true;
    try {
      const answer = await fetch(address(this.path), { cache: "no-cache", signal: AbortSignal.timeout(ASK_MS) });
      if (polling || this.unknown || this.silentFor() > STOPGAP_MS) await this.take(answer, polling ? "poll" : "");
    } catch {
      // check() notices the silence.
    } finally {
      this.asking = false;
    }
  }

  /** Take an answer to a question. @param {Response} answer @param {Transport | ""} transport */
  async take(answer, transport) {
    if (this.stopped) return;
    noteDateHeader(answer);
    if (answer.status === 404 && this.gateway) this.noteUnknown();
    else if (answer.ok) this.hear(await answer.text(), transport);
  }

  /** Take a message; no transport: it was a single question. @param {string} text @param {Transport | ""} transport */
  hear(text, transport) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (this.stopped || !message || typeof message !== "object" || !Number.isFinite(message.time)) return;
    const isDocument = Boolean(message.site || message.id);
    noteServerTime(message.time, !isDocument);
    this.lastAt = performance.now();
    if (transport) {
      this.spoken = true;
      this.spokenAt = this.lastAt;
      this.failures = 0;
    }
    if (isDocument) this.onMessage(message);
    const came = this.unknown;
    if (this.lost || came || (transport && this.transport !== transport)) {
      this.lost = this.unknown = false;
      this.transport = transport || this.transport;
      this.tell();
    }
    if (came) this.retry();
  }

  /** Wait for a changed configuration: the server has no gateway of this id. */
  noteUnknown() {
    this.shut();
    this.lastAt = performance.now();
    if (this.unknown && !this.lost) return;
    this.unknown = true;
    this.lost = false;
    this.tell();
  }

  tell() {
    this.onState({ transport: this.lost ? "" : this.transport, lost: this.lost, unknown: this.unknown });
  }

  /** Try again after a pause: the same transport if it ever worked, else the next simpler one. */
  failed() {
    this.shut();
    if (!this.spoken || this.failures > 1) this.choice = Math.min(this.choice + 1, this.transports.length - 1);
    const pause = PAUSES_MS[Math.min(this.failures++, PAUSES_MS.length - 1)];
    this.timer = window.setTimeout(() => this.open(), pause * (0.8 + Math.random() * 0.4));
  }

  /** Notice what has become silent. Runs once a second. */
  check() {
    const transport = this.transports[this.choice];
    if (transport !== "poll" && this.close) {
      const quiet = this.spoken
        ? performance.now() - this.spokenAt > SILENCE_MS
        : performance.now() - this.opened > FIRST_MS;
      if (quiet) this.failed();
    }
    const patience = this.unknown ? UNKNOWN_MS : STOPGAP_MS;
    // While the better transport is being found, single questions keep the figures new.
    if (this.silentFor() > patience && (this.unknown || transport !== "poll")) this.ask();
    const betweenAnswers = this.unknown ? UNKNOWN_MS : transport === "poll" ? POLL_MS : 0;
    if (!this.lost && this.silentFor() > LOST_AFTER_MS + betweenAnswers) {
      this.lost = true;
      this.tell();
    }
  }

  /** Begin again with the best transport. */
  retry() {
    this.choice = 0;
    this.failures = 0;
    if (this.unknown) this.ask();
    else this.open();
  }
}

/** Return the transports that ``?live=`` allows: for proxies that break the better ones, and for tests. */
function transportsAllowed() {
  const asked = new URLSearchParams(location.search).get("live");
  const first = TRANSPORTS.indexOf(/** @type {Transport} */ (asked));
  return TRANSPORTS.slice(Math.max(0, first));
}
