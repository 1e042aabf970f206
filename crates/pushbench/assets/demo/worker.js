// All clients, in a thread of their own, so that drawing does not delay what they receive.

import './vendor/socket.io.min.js';
import { keep, technique } from './clients/keep.js';

const REPORT_MS = 50;
/** Between two connections of a client. */
const PAUSE_MS = 1000;
/** Exchanges with the clock before the clients start, and how many later ones are kept. */
const FIRST_EXCHANGES = 12;
const KEPT_EXCHANGES = 30;
const EXCHANGE_MS = 1000;

let begunNs = 0n;
const subscribers = [];

/** The offset of the server's clock to this thread's: that of the exchange with the shortest round trip (Cristian 1989). */
const clock = {
  exchanges: [],
  offset_ms: 0,
  bound_ms: Infinity,

  async ask() {
    const sent = performance.now();
    const response = await fetch('/clock', { cache: 'no-store' });
    const serverNs = BigInt(await response.text());
    const received = performance.now();
    const server_ms = Number(serverNs - begunNs) / 1e6;
    this.exchanges.push({ offset_ms: server_ms - (sent + received) / 2, bound_ms: (received - sent) / 2 });
    this.exchanges = this.exchanges.slice(-KEPT_EXCHANGES);
    const best = this.exchanges.reduce((a, b) => (b.bound_ms < a.bound_ms ? b : a));
    Object.assign(this, { offset_ms: best.offset_ms, bound_ms: best.bound_ms });
  },

  now_ms() {
    return performance.now() + this.offset_ms;
  },
};

/** When a poller asks next: an interval after its last request, and at once when the interval becomes that short. */
const pace = {
  poll_ms: 1000,
  last: -Infinity,
  look: () => {},

  async next() {
    await new Promise((resolve) => {
      let timer;
      this.look = () => {
        clearTimeout(timer);
        const left = this.last + this.poll_ms - performance.now();
        if (left <= 0) resolve();
        else timer = setTimeout(this.look, left);
      };
      this.look();
    });
    this.last = performance.now();
  },
};

/** The session of one client (see clients/keep.js), and what it has received since the last report. */
class Subscriber {
  channel = 0;
  after = null;
  stopped = new AbortController().signal;
  settings = { frames: 'text', transports: 'upgrade' };

  constructor(origin) {
    this.origin = origin;
    this.clear();
  }

  clear() {
    this.arrivals = [];
    this.reads = 0;
    this.empties = 0;
    this.notes = [];
  }

  /** The stamp is sequence number, intended and actual time, in hexadecimal. */
  received(message) {
    const received_ms = clock.now_ms();
    const stamp = typeof message === 'string' ? message.slice(2, 42) : message[0];
    const isFirst = this.after === null;
    this.after = parseInt(stamp.slice(0, 8), 16);
    if (isFirst) this.connected();
    const sentNs = BigInt(`0x${stamp.slice(8, 24)}`);
    // A greeting is no event.
    if (sentNs === 0n) return;
    this.hasEvents = true;
    this.arrivals.push(Number(sentNs - begunNs) / 1e6, received_ms);
  }

  response(messages) {
    if (messages === 0) this.empties += 1;
    if (this.hasEvents) this.reads += 1;
    this.hasEvents = false;
  }

  /** Requests are counted by the server. */
  request() {}

  /** The first connection counts once its greeting has come. */
  connected() {
    if (this.after !== null) this.notes.push({ kind: 'opened', at_ms: clock.now_ms() });
  }

  broke({ close, status }) {
    // The events after the last one are no longer kept (HTTP's 410).
    if (status === 410) this.after = null;
    if (close) this.notes.push({ kind: 'closed', at_ms: clock.now_ms(), ...close });
  }

  /** This page sends nothing. */
  outgoing() {
    return new Promise(() => {});
  }

  pollDue() {
    return pace.next();
  }

  pause(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  report() {
    const { arrivals, reads, empties, notes } = this;
    this.clear();
    return { arrivals: Float64Array.from(arrivals), reads, empties, notes };
  }
}

async function begin({ begun_ns, host, techniques }) {
  begunNs = BigInt(begun_ns);
  for (let nth = 0; nth < FIRST_EXCHANGES; nth += 1) await clock.ask();
  for (const { slug, port } of techniques) {
    const subscriber = new Subscriber(`http://${host}:${port}`);
    subscribers.push(subscriber);
    void keep(subscriber, await technique(slug), PAUSE_MS);
  }
  setInterval(() => clock.ask().catch(() => {}), EXCHANGE_MS);
  setInterval(report, REPORT_MS);
}

function report() {
  const techniques = subscribers.map((subscriber) => subscriber.report());
  postMessage({ at_ms: clock.now_ms(), bound_ms: clock.bound_ms, techniques });
}

onmessage = ({ data }) => {
  if (data.begin) begin(data.begin).catch((error) => postMessage({ error: String(error) }));
  if (data.poll_ms) {
    pace.poll_ms = data.poll_ms;
    pace.look();
  }
};
