// The page's clock beside the server's.

/** Entries of the browser's own timing come a little after the answer. */
const ENTRIES_MS = 50;

/**
 * Asks the server for its time so often, or as often as it can be had in `budget_ms`: `[before_ms, "server ns", after_ms]`
 * each. The server read its clock between the two:
 * after the browser began to send the request, and before it had the answer's first byte (Resource Timing, W3C), which is
 * nearer to the wire than what the script sees.
 */
export async function ask(exchanges, budget_ms) {
  performance.clearResourceTimings();
  performance.setResourceTimingBufferSize(exchanges + 100);
  const all = [];
  const end = performance.now() + budget_ms;
  for (let i = 0; i < exchanges && performance.now() < end; i += 1) {
    const before = performance.now();
    const answer = await fetch(url(i), { cache: "no-store" });
    const after = performance.now();
    all.push([before, await answer.text(), after]);
  }
  await new Promise((done) => setTimeout(done, ENTRIES_MS));
  return all.map(([before, server, after], i) => {
    const [entry] = performance.getEntriesByName(new URL(url(i), location.href).href);
    const begun = Math.max(before, entry?.requestStart || 0);
    const begin = Math.min(after, entry?.responseStart || Infinity);
    // A timing that contradicts itself is none.
    return begun <= begin ? [begun, server, begin] : [before, server, after];
  });
}

function url(i) {
  return `/clock?${i}`;
}

/** The smallest step of the clock that is seen, in ms. */
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
