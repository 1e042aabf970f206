// One subscriber of a trial: the clocks and counts of its technique's client (see clients/keep.js).

const STAMP_DIGITS = 40;
const INTENDED = [8, 24];
const ACTUAL_AT = 26;
/** Timers may be late by about this much, so the rest is spent in a busy loop. */
const AWAKE_MS = 1;

export class Session {
  inWindow = new Set();
  isConnected = false;
  /** The driver reads this; times are `performance.now()` in ms. */
  result = {
    /** `[at_ms, stamp]` of each message, in order of arrival. */
    received: [],
    /** The time of each request. */
    requests: [],
    /** `[at_ms, events]` of each response, frame or chunk. */
    responses: [],
    /** Intended send times of the messages sent, as a stamp's digits. */
    sent: [],
    /** The first few texts that are no message. */
    unreadable: [],
    reconnects: 0,
    last_error: null,
  };
  origin = location.origin;
  #cursor;
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
    this.#cursor = after;
    this.#isGreeted = after !== null;
    this.phase = phase_ms;
    stopped.addEventListener("abort", () => this.#wake());
    /** Resolves when it is connected, to how long that took in ms. */
    this.connection = new Promise((connected) => (this.#connected = connected));
  }

  /** The last event received; null while a greeting is awaited. */
  get after() {
    return this.#cursor;
  }

  /** Records a message, as text or parsed, with the time at which this was called. */
  received(message) {
    const at = performance.now();
    const stamp = this.#read(message);
    if (stamp === null) return;
    this.result.received.push([at, stamp]);
    this.#cursor = Math.max(this.#cursor ?? 0, Number.parseInt(stamp.slice(0, INTENDED[0]), 16));
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      this.connected();
    }
    this.#count(stamp);
  }

  /** The subscription is open. A subscriber that waits for a greeting is connected once it has come. */
  connected() {
    if (this.isConnected || !this.#isGreeted) return;
    this.isConnected = true;
    this.#connected(performance.now() - this.#began);
  }

  /** Counts an HTTP request. */
  request() {
    this.result.requests.push(performance.now());
  }

  /** Counts a response, frame or chunk with this many events. */
  response(events) {
    this.result.responses.push([performance.now(), events]);
  }

  /** Records why a connection ended. */
  broke(error) {
    this.result.reconnects += 1;
    this.result.last_error = String(error?.message ?? error);
  }

  /** Waits for the next poll: the first at once, the others on a grid of the interval, without the points already past. */
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

  /** Waits for `ms`, or until the trial is over. */
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

  /** Begins the window; resolves once all its events have arrived and all messages are sent. */
  async measure(window, expected, sends, offset) {
    this.#window = window;
    this.#expected = expected;
    const complete = new Promise((done) => (this.#measured = done));
    this.#count(null);
    await Promise.all([complete, this.#schedule(sends, offset)]);
  }

  /** The next message to send, with its actual send time; null when the trial is over. */
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
      // Recorded below.
    }
    if (this.result.unreadable.length < 3) {
      this.result.unreadable.push(typeof message === "string" ? message : JSON.stringify(message));
    }
    return null;
  }

  /** Digits of equal length compare like the numbers. */
  #count(stamp) {
    if (this.#window === null) return;
    if (stamp === null) for (const [, earlier] of this.result.received) this.#add(earlier);
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
      this.result.sent.push(message.slice(2 + INTENDED[0], 2 + INTENDED[1]));
      this.#outgoing.push([message, offset]);
      this.#wake();
    }
  }
}
