// Compares the page's clock with the server's.

/** The browser's timing entries come a little after the response. */
const ENTRIES_MS = 50;

/**
 * Reads the server's clock `exchanges` times, or as often as `budget_ms` allows: `[before_ms, "server ns", after_ms]` each.
 * The times are those at which the browser began to send the request and had the response's first byte (Resource Timing,
 * W3C), which are closer than those that the script sees.
 */
export async function ask(exchanges, budget_ms) {
  performance.clearResourceTimings();
  performance.setResourceTimingBufferSize(exchanges + 100);
  const all = [];
  const end = performance.now() + budget_ms;
  for (let i = 0; i < exchanges && performance.now() < end; i += 1) {
    const before = performance.now();
    const response = await fetch(url(i), { cache: "no-store" });
    const after = performance.now();
    all.push([before, await response.text(), after]);
  }
  await new Promise((done) => setTimeout(done, ENTRIES_MS));
  return all.map(([before, server, after], i) => {
    const [entry] = performance.getEntriesByName(new URL(url(i), location.href).href);
    const from = Math.max(before, entry?.requestStart || 0);
    const to = Math.min(after, entry?.responseStart || Infinity);
    // A timing that contradicts itself is ignored.
    return from <= to ? [from, server, to] : [before, server, after];
  });
}

function url(i) {
  return `/clock?${i}`;
}

/** The smallest observed step of the clock, in ms. */
export function resolution() {
  const STEPS = 200;
  let smallest = Infinity;
  let last = performance.now();
  for (let steps = 0; steps < STEPS; ) {
    const now = performance.now();
    if (now > last) {
      smallest = Math.min(smallest, now - last);
      last = now;
      steps += 1;
    }
  }
  return smallest;
}
