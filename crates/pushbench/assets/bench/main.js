// The driver of a trial calls these functions, in this order: clock, connect, run, finish.

import { ask, resolution } from "./clock.js";
import { keep, technique } from "../clients/keep.js";
import { Session } from "./session.js";

/** Between two connections of a subscriber. */
const PAUSE_MS = 50;

/** @type {Session[]} */
let sessions = [];
let stopper = new AbortController();

/** Compares the page's clock with the server's. The page's times are `performance.now()` in ms, the server's are digits in ns. */
async function clock({ exchanges, budget_ms }) {
  const asked = await ask(exchanges, budget_ms);
  return { isolated: crossOriginIsolated, resolution_ms: resolution(), exchanges: asked };
}

/**
 * Connects all subscribers, and returns how long each took, in ms. Each has a `channel`, `after` (null if it waits for a
 * greeting), and the `phase_ms` of its polls.
 */
async function connect({ slug, settings, subscribers, limit_ms }) {
  stopper = new AbortController();
  const subscribe = await technique(slug);
  sessions = subscribers.map((subscriber) => new Session(subscriber, settings, stopper.signal));
  for (const session of sessions) void keep(session, subscribe, PAUSE_MS);
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(notConnected())), limit_ms));
  return await Promise.race([Promise.all(sessions.map((session) => session.connection)), late]);
}

/**
 * Sends what is due, and returns how many events of the window arrived, once all have or at `until_ms`.
 * `window` holds its edges as a stamp's hexadecimal digits; `expected` the number of events for each subscriber; `sends`
 * the `[due_ms, message]` of each; `offset_ns` is added to the page's clock to get the server's.
 */
async function run({ window, expected, sends, offset_ns, until_ms }) {
  const all = sessions.map((session, i) => session.measure(window, expected[i], sends[i], BigInt(offset_ns)));
  const end = new Promise((done) => setTimeout(done, Math.max(0, until_ms - performance.now())));
  await Promise.race([Promise.all(all), end]);
  return sessions.reduce((sum, session) => sum + session.inWindow.size, 0);
}

/** Ends all subscribers, and returns their results. */
function finish() {
  stopper.abort();
  return sessions.map((session) => session.result);
}

function notConnected() {
  const connected = sessions.filter((session) => session.isConnected).length;
  const error = sessions.map((session) => session.result.last_error).find((error) => error !== null);
  return `${connected} of ${sessions.length} subscribers are connected; ${error ?? "the server does not answer"}`;
}

globalThis.bench = { clock, connect, run, finish };
