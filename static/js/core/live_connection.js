// Live data: WebSocket, else event stream, else polling. Whatever breaks is tried again; nobody has to reload.
import { address } from "./dom.js";
import { answerSaid, serverSaid } from "./server_clock.js";

const SILENCE_MS = 7000; // the server speaks every two seconds, if only to say what time it is
const FIRST_MS = 4000; // so long a transport may take to say its first word
const POLL_MS = 2000;
const STOPGAP_MS = 3500; // so long after the last word a single question is asked
const BACK_TO_BEST_MS = 60_000;
const LOST_AFTER_MS = 5000;
const UNKNOWN_MS = 10_000; // before it is asked again whether there is such a gateway by now
const PAUSES_MS = [300, 1000, 2000, 4000, 8000];

export class LiveConnection {
  /**
   * ``gateway``: the id of one house, else all together. ``onMessage(object)`` for every document, ``onState({transport, lost,
   * unknown})`` when the connection changes; unknown: there is no gateway of that id.
   */
  constructor({ onMessage, onState, gateway = "" }) {
    const id = encodeURIComponent(gateway);
    Object.assign(this, { onMessage, onState, gateway });
    this.path = gateway ? `api/site/${id}` : "api/site";
    this.socket = gateway ? `ws/site/${id}` : "ws/site";
    this.stream = `api/stream?document=site${gateway ? `&gateway=${id}` : ""}`;
    this.transport = "";
    this.lost = false;
    this.unknown = false;
    this.lastAt = performance.now();
    this.failures = 0;
    this.stopping = new AbortController();
    this.transports = ["socket", "stream", "poll"].filter((one) => allowed(one));
    this.choice = 0;
  }

  /** ``first``: the answer to a question that is already on its way. */
  start(first) {
    // The first numbers do not wait for any handshake.
    first?.then(
      (answer) => !this.spoken && this.take(answer, ""),
      () => {},
    );
    this.open();
    this.watch = setInterval(() => this.check(), 1000);
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

  stop() {
    this.stopping.abort();
    clearInterval(this.watch);
    this.shut();
  }

  get stopped() {
    return this.stopping.signal.aborted;
  }

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

  /** One question; ``polling``: asked because no better transport works. */
  async ask(polling = false) {
    if (this.asking) return;
    this.asking = true;
    try {
      const answer = await fetch(address(this.path), { cache: "no-cache", signal: AbortSignal.timeout(8000) });
      if (polling || this.unknown || this.silentFor() > STOPGAP_MS) await this.take(answer, polling ? "poll" : "");
    } catch {
      /* check() notices the silence */
    } finally {
      this.asking = false;
    }
  }

  async take(answer, transport) {
    if (this.stopped) return;
    answerSaid(answer);
    if (answer.status === 404 && this.gateway) return this.missing();
    if (!answer.ok) return;
    this.hear(await answer.text(), transport);
  }

  hear(text, transport) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (this.stopped || !message || typeof message !== "object" || !Number.isFinite(message.time)) return;
    const isDocument = Boolean(message.site || message.id);
    serverSaid(message.time, !isDocument);
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

  /** The server has no gateway of this id: nothing to listen to, until the configuration has changed. */
  missing() {
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

  /** A transport broke: the same again if it ever worked, else the next simpler one. */
  failed() {
    this.shut();
    if (!this.spoken || this.failures > 1) this.choice = Math.min(this.choice + 1, this.transports.length - 1);
    const pause = PAUSES_MS[Math.min(this.failures++, PAUSES_MS.length - 1)];
    this.timer = setTimeout(() => this.open(), pause * (0.8 + Math.random() * 0.4));
  }

  check() {
    const transport = this.transports[this.choice];
    if (transport !== "poll" && this.close) {
      const quiet = this.spoken
        ? performance.now() - this.spokenAt > SILENCE_MS
        : performance.now() - this.opened > FIRST_MS;
      if (quiet) this.failed();
    }
    const patience = this.unknown ? UNKNOWN_MS : STOPGAP_MS;
    if (this.silentFor() > patience && (this.unknown || transport !== "poll")) this.ask(); // while the better way is being found
    if (
      !this.lost &&
      this.silentFor() > LOST_AFTER_MS + (this.unknown ? UNKNOWN_MS : transport === "poll" ? POLL_MS : 0)
    ) {
      this.lost = true;
      this.tell();
    }
  }

  retry() {
    this.choice = 0;
    this.failures = 0;
    if (this.unknown) this.ask();
    else this.open();
  }
}

/** ``?live=poll`` or ``?live=stream`` leaves out the better transports: for proxies that break them, and for tests. */
function allowed(transport) {
  const asked = new URLSearchParams(location.search).get("live");
  const order = ["socket", "stream", "poll"];
  return !order.includes(asked) || order.indexOf(transport) >= order.indexOf(asked);
}
