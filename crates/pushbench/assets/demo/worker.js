// All clients, in a thread of their own: what the page draws does not delay what they hear.

import './socket.io.min.js';
import { clients } from './clients.js';

const REPORT_MS = 50;
/** Exchanges with the clock before anything is heard, and how many later ones are remembered. */
const FIRST_EXCHANGES = 12;
const KEPT_EXCHANGES = 30;
const EXCHANGE_MS = 1000;

let begunNs = 0n;
const ears = [];

/** How the server's clock stands to this thread's (Cristian 1989): the exchange with the shortest round trip tells. */
const clock = {
  exchanges: [],
  offset_ms: 0,
  bound_ms: Infinity,

  async ask() {
    const sent = performance.now();
    const answer = await fetch('/clock', { cache: 'no-store' });
    const told = await answer.text();
    const received = performance.now();
    const server_ms = Number(BigInt(told) - begunNs) / 1e6;
    this.exchanges.push({ offset_ms: server_ms - (sent + received) / 2, bound_ms: (received - sent) / 2 });
    this.exchanges = this.exchanges.slice(-KEPT_EXCHANGES);
    const best = this.exchanges.reduce((a, b) => (b.bound_ms < a.bound_ms ? b : a));
    Object.assign(this, { offset_ms: best.offset_ms, bound_ms: best.bound_ms });
  },

  now_ms() {
    return performance.now() + this.offset_ms;
  },
};

/** When a poller asks next: an interval after it last began to, and at once when the interval is cut that short. */
const pace = {
  poll_ms: 1000,
  look: () => {},

  next(begun) {
    return new Promise((resolve) => {
      let timer;
      this.look = () => {
        clearTimeout(timer);
        const left = begun + this.poll_ms - performance.now();
        if (left <= 0) resolve();
        else timer = setTimeout(this.look, left);
      };
      this.look();
    });
  },
};

/** What one client hears, until it is reported. */
class Ear {
  constructor() {
    this.after = undefined;
    this.clear();
  }

  clear() {
    this.arrivals = [];
    this.reads = 0;
    this.empties = 0;
    this.notes = [];
  }

  heard(messages) {
    this.heardStamps(messages.map((message) => message.slice(2, 42)));
  }

  /** Stamps of messages that came together: sequence number, intended and actual time in hexadecimal. */
  heardStamps(stamps) {
    const received_ms = clock.now_ms();
    let events = 0;
    for (const stamp of stamps) {
      this.after = parseInt(stamp.slice(0, 8), 16);
      const sentNs = BigInt(`0x${stamp.slice(8, 24)}`);
      // A greeting tells the position, and is no event.
      if (sentNs === 0n) continue;
      events += 1;
      this.arrivals.push(Number(sentNs - begunNs) / 1e6, received_ms);
    }
    if (events > 0) this.reads += 1;
  }

  heardNothing() {
    this.empties += 1;
  }

  opened() {
    this.notes.push({ kind: 'opened', at_ms: clock.now_ms() });
  }

  closed(how) {
    this.notes.push({ kind: 'closed', at_ms: clock.now_ms(), ...how });
  }

  broke(error) {
    this.notes.push({ kind: 'broke', at_ms: clock.now_ms(), why: String(error) });
  }

  report() {
    const { arrivals, reads, empties, notes } = this;
    this.clear();
    return { arrivals: Float64Array.from(arrivals), reads, empties, notes };
  }
}

async function begin({ begun_ns, host, lanes }) {
  begunNs = BigInt(begun_ns);
  for (let nth = 0; nth < FIRST_EXCHANGES; nth += 1) await clock.ask();
  for (const { slug, port } of lanes) {
    const ear = new Ear();
    ears.push(ear);
    clients[slug]?.(`http://${host}:${port}`, ear, pace);
  }
  setInterval(() => clock.ask().catch(() => {}), EXCHANGE_MS);
  setInterval(report, REPORT_MS);
}

function report() {
  postMessage({ at_ms: clock.now_ms(), bound_ms: clock.bound_ms, lanes: ears.map((ear) => ear.report()) });
}

onmessage = ({ data }) => {
  if (data.begin) begin(data.begin).catch((error) => postMessage({ trouble: String(error) }));
  if (data.poll_ms) {
    pace.poll_ms = data.poll_ms;
    pace.look();
  }
};
