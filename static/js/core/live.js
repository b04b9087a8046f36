// Live data: WebSocket, else event stream, else polling. Whatever breaks is tried again; nobody has to reload.
import { address } from "./dom.js";

const SILENCE_MS = 6000; // the server speaks once a second
const FIRST_MS = 4000; // so long a transport may take to say its first word
const POLL_MS = 2000;
const STOPGAP_MS = 1800; // so long after the last word a single question is asked
const BACK_TO_BEST_MS = 60_000;
const LOST_AFTER_MS = 4000;
const PAUSES_MS = [300, 1000, 2000, 4000, 8000];

export class Live {
  /** ``onMessage(object)`` for every message, ``onState({transport, lost})`` when the connection changes. */
  constructor({ onMessage, onState, path = "api/aggregate", socket = "ws/aggregate", stream = "api/stream" }) {
    Object.assign(this, { onMessage, onState, path, socket, stream });
    this.transport = "";
    this.lost = false;
    this.lastAt = performance.now();
    this.failures = 0;
    this.stopped = false;
    this.transports = ["socket", "stream", "poll"].filter((one) => allowed(one));
    this.choice = 0;
  }

  start() {
    // The first numbers do not wait for any handshake.
    (window.pwserverFirst ?? Promise.resolve("")).then((text) => text && !this.spoken && this.hear(text, ""));
    this.open();
    this.watch = setInterval(() => this.check(), 1000);
    addEventListener("online", () => this.retry());
    addEventListener("pageshow", (event) => event.persisted && this.retry());
    document.addEventListener("visibilitychange", () => !document.hidden && this.silentFor() > SILENCE_MS && this.retry());
    return this;
  }

  silentFor() { return performance.now() - this.lastAt; }

  open() {
    clearTimeout(this.timer);
    this.close?.();
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
    const close = () => { socket.onclose = null; socket.close(); };
    this.close = close;
  }

  openStream() {
    const stream = new EventSource(address(this.stream));
    const hear = (event) => this.hear(event.data, "stream");
    stream.onmessage = hear;
    for (const name of ["aggregate", "snapshot"]) stream.addEventListener(name, hear);
    stream.onerror = () => this.close === close && this.failed();
    const close = () => { stream.onerror = null; stream.close(); };
    this.close = close;
  }

  openPolling() {
    const timer = setInterval(() => this.pollOnce(true), POLL_MS);
    const better = setTimeout(() => { this.choice = 0; this.open(); }, BACK_TO_BEST_MS);
    this.close = () => { clearInterval(timer); clearTimeout(better); };
    this.pollOnce(true);
  }

  async pollOnce(own = false) {
    if (this.polling) return;
    this.polling = true;
    try {
      const answer = await fetch(address(this.path), { cache: "no-cache", signal: AbortSignal.timeout(8000) });
      if (answer.ok) {
        const text = await answer.text();
        if (own || this.silentFor() > STOPGAP_MS) this.hear(text, own ? "poll" : "");
      }
    } catch { /* check() notices the silence */ } finally {
      this.polling = false;
    }
  }

  hear(text, transport) {
    let message;
    try { message = JSON.parse(text); } catch { return; }
    if (!message || typeof message !== "object" || !message.gateways) return;
    this.lastAt = performance.now();
    if (transport) { this.spoken = true; this.spokenAt = this.lastAt; this.failures = 0; }
    this.onMessage(message);
    if (this.lost || (transport && this.transport !== transport)) {
      this.lost = false;
      this.transport = transport || this.transport;
      this.onState({ transport: this.transport, lost: false });
    }
  }

  /** A transport broke: the same again if it ever worked, else the next simpler one. */
  failed() {
    this.close?.();
    this.close = null;
    if (!this.spoken || this.failures > 1) this.choice = Math.min(this.choice + 1, this.transports.length - 1);
    const pause = PAUSES_MS[Math.min(this.failures++, PAUSES_MS.length - 1)];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), pause * (0.8 + Math.random() * 0.4));
  }

  check() {
    const transport = this.transports[this.choice];
    if (transport !== "poll" && this.close) {
      const quiet = this.spoken ? performance.now() - this.spokenAt > SILENCE_MS : performance.now() - this.opened > FIRST_MS;
      if (quiet) this.failed();
    }
    if (this.silentFor() > STOPGAP_MS && transport !== "poll") this.pollOnce(); // while the better way is being found
    if (!this.lost && this.silentFor() > LOST_AFTER_MS + (transport === "poll" ? POLL_MS : 0)) {
      this.lost = true;
      this.onState({ transport: "", lost: true });
    }
  }

  retry() { this.choice = 0; this.failures = 0; this.open(); }
}

/** ``?live=poll`` or ``?live=stream`` leaves out the better transports: for proxies that break them, and for tests. */
function allowed(transport) {
  const asked = new URLSearchParams(location.search).get("live");
  const order = ["socket", "stream", "poll"];
  return !order.includes(asked) || order.indexOf(transport) >= order.indexOf(asked);
}

const YOUNG_SECONDS = 30;

/** How old the newest reading is, in seconds, without trusting that browser and server agree on the time. */
export class Age {
  /** Older than this is stale: three polls, however long those are here; until two were seen, a minute and a half. */
  limit = 3 * YOUNG_SECONDS;

  see(subject) {
    if (subject.lastUpdated !== this.seen) {
      if (this.seen && subject.lastUpdated > this.seen) this.limit = Math.max(YOUNG_SECONDS, 3 * (subject.lastUpdated - this.seen));
      this.seen = subject.lastUpdated;
      this.base = subject.ageAtServer ?? 0;
      this.at = performance.now();
    }
  }
  get old() { return this.seconds !== null && this.seconds > this.limit; }

  get seconds() { return this.seen == null ? null : this.base + (performance.now() - this.at) / 1000; }
}
