// One subscriber: what a technique sees of a trial. A technique touches no clock and keeps no count; the session does.

const STAMP_DIGITS = 40;
const INTENDED = [8, 24];
const ACTUAL_AT = 26;
/** A timer may be late by about as much; the rest is waited for awake. */
const AWAKE_MS = 1;

export class Session {
  inWindow = new Set();
  isConnected = false;
  /** What the driver reads: times are `performance.now()` in ms. */
  found = {
    /** `[at_ms, stamp]` of each message, as they came. */
    received: [],
    /** When a request was sent. */
    requests: [],
    /** `[at_ms, events]` of each answer, frame or chunk. */
    responses: [],
    /** Intended send times of what was sent, as a stamp's digits. */
    sent: [],
    /** Texts that are no message; the first few. */
    unreadable: [],
    reconnects: 0,
    trouble: null,
  };
  #position;
  #began = performance.now();
  #isGreeted;
  #connected;
  #window = null;
  #expected = 0;
  #measured = () => {};
  #outgoing = [];
  #wake = () => {};
  #nextPoll = null;

  constructor({ channel, after, phase_ms }, settings, stopped) {
    this.channel = channel;
    this.settings = settings;
    /** Aborted when the trial is over. */
    this.stopped = stopped;
    this.#position = after;
    this.#isGreeted = after !== null;
    this.phase = phase_ms;
    stopped.addEventListener("abort", () => this.#wake());
    /** Resolves when it is connected, to how long that took in ms. */
    this.connection = new Promise((connected) => (this.#connected = connected));
  }

  /** Where to begin: after what was received; fresh as long as a greeting is awaited. */
  get after() {
    return this.#position;
  }

  /** The same as a query. */
  get query() {
    return this.after === null ? `channel=${this.channel}` : `channel=${this.channel}&after=${this.after}`;
  }

  /** Takes in a message, as text or parsed already, and takes its time first thing. */
  received(message) {
    const at = performance.now();
    const stamp = this.#read(message);
    if (stamp === null) return;
    this.found.received.push([at, stamp]);
    this.#position = Math.max(this.#position ?? 0, Number.parseInt(stamp.slice(0, INTENDED[0]), 16));
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      this.connected();
    }
    this.#count(stamp);
  }

  /** Says that the server knows of this subscriber. One that awaits a greeting is connected when it has come. */
  connected() {
    if (this.isConnected || !this.#isGreeted) return;
    this.isConnected = true;
    this.#connected(performance.now() - this.#began);
  }

  /** Counts an HTTP request. */
  request() {
    this.found.requests.push(performance.now());
  }

  /** Counts the end of an answer, frame or chunk that carried so many events. */
  response(events) {
    this.found.responses.push([performance.now(), events]);
  }

  /** Notes why a connection ended. */
  broke(error) {
    this.found.reconnects += 1;
    this.found.trouble = String(error?.message ?? error);
  }

  /** Waits until the next poll is due: at once at first, then on a grid of the interval; points that have passed are left out. */
  async pollDue() {
    const interval = this.settings.poll_interval_ms;
    const now = performance.now();
    if (this.#nextPoll === null) {
      this.#nextPoll = now + this.phase;
      return;
    }
    await this.pause(this.#nextPoll - now);
    const behind = Math.max(0, performance.now() - this.#nextPoll);
    this.#nextPoll += interval > 0 ? interval * (Math.floor(behind / interval) + 1) : behind;
  }

  /** Waits so long, or until the trial is over. */
  async pause(ms) {
    if (ms <= 0 || this.stopped.aborted) return;
    await new Promise((done) => {
      const end = () => {
        clearTimeout(timer);
        this.stopped.removeEventListener("abort", end);
        done();
      };
      const timer = setTimeout(end, ms);
      this.stopped.addEventListener("abort", end);
    });
  }

  /** Begins the window; resolves when all of its events have come and everything was sent. */
  async measure(window, expected, sends, offset) {
    this.#window = window;
    this.#expected = expected;
    const complete = new Promise((done) => (this.#measured = done));
    this.#count(null);
    await Promise.all([complete, this.#schedule(sends, offset)]);
  }

  /** The next message to send; its actual send time is written into it now. Null when the trial is over. */
  async outgoing() {
    while (this.#outgoing.length === 0) {
      if (this.stopped.aborted) return null;
      await new Promise((wake) => (this.#wake = wake));
    }
    const [message, offset] = this.#outgoing.shift();
    const actual = (BigInt(Math.round(performance.now() * 1e6)) + offset).toString(16).padStart(16, "0");
    return message.slice(0, ACTUAL_AT) + actual + message.slice(ACTUAL_AT + 16);
  }

  #read(message) {
    try {
      const [stamp, payload] = typeof message === "string" ? JSON.parse(message) : message;
      if (stamp.length === STAMP_DIGITS && payload !== undefined) return stamp;
    } catch {
      // It is told below.
    }
    if (this.found.unreadable.length < 3) {
      this.found.unreadable.push(typeof message === "string" ? message : JSON.stringify(message));
    }
    return null;
  }

  /** Digits of the same length compare as the numbers do. */
  #count(stamp) {
    if (this.#window === null) return;
    if (stamp === null) for (const [, earlier] of this.found.received) this.#add(earlier);
    else this.#add(stamp);
    if (this.inWindow.size >= this.#expected) this.#measured();
  }

  #add(stamp) {
    const intended = stamp.slice(...INTENDED);
    if (intended >= this.#window[0] && intended < this.#window[1]) this.inWindow.add(stamp.slice(0, INTENDED[0]));
  }

  async #schedule(sends, offset) {
    for (const [due, message] of sends) {
      await this.pause(Math.floor(due - performance.now() - AWAKE_MS));
      if (this.stopped.aborted) return;
      while (performance.now() < due);
      this.found.sent.push(message.slice(2 + INTENDED[0], 2 + INTENDED[1]));
      this.#outgoing.push([message, offset]);
      this.#wake();
    }
  }
}
