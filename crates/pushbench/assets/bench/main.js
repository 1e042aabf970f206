// What the driver of a trial calls, in this order: clock, connect, run, finish.

import { ask, resolution } from "./clock.js";
import { keep } from "./keep.js";
import { Session } from "./session.js";
import { technique } from "./techniques.js";

/** @type {Session[]} */
let sessions = [];
let stopper = new AbortController();

/** How the page's clock compares with the server's. Times are `performance.now()` in ms, the server's are ns in digits. */
async function clock({ exchanges, budget_ms }) {
  const asked = await ask(exchanges, budget_ms);
  return { isolated: crossOriginIsolated, resolution_ms: resolution(), exchanges: asked };
}

/**
 * Subscribes all, and returns how long each took until it was connected, in ms.
 * `subscribers` holds an object each: `channel`, and `after`, which is null for one that awaits a greeting; `phase_ms` of its polls.
 */
async function connect({ slug, settings, subscribers, limit_ms }) {
  stopper = new AbortController();
  const subscribe = technique(slug);
  sessions = subscribers.map((told) => new Session(told, settings, stopper.signal));
  for (const session of sessions) void keep(session, subscribe);
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(notConnected())), limit_ms));
  return await Promise.race([Promise.all(sessions.map((session) => session.connection)), late]);
}

/**
 * Sends what is due, and returns how many events of the window have come as soon as all have, or when it is `until_ms`.
 * `window` holds its edges as a stamp's hexadecimal digits; `expected` how many of its events each subscriber must get;
 * `sends` for each `[due_ms, message]`; `offset_ns` is what is added to the page's clock to get the server's.
 */
async function run({ window, expected, sends, offset_ns, until_ms }) {
  const all = sessions.map((session, i) => session.measure(window, expected[i], sends[i], BigInt(offset_ns)));
  const end = new Promise((done) => setTimeout(done, Math.max(0, until_ms - performance.now())));
  await Promise.race([Promise.all(all), end]);
  return sessions.reduce((sum, session) => sum + session.inWindow.size, 0);
}

/** Ends all, and returns what they found. */
function finish() {
  stopper.abort();
  return sessions.map((session) => session.found);
}

function notConnected() {
  const connected = sessions.filter((session) => session.isConnected).length;
  const trouble = sessions.map((session) => session.found.trouble).find((found) => found !== null);
  return `${connected} of ${sessions.length} subscribers are connected; ${trouble ?? "the server does not answer"}`;
}

globalThis.bench = { clock, connect, run, finish };
