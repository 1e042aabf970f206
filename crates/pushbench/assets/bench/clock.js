// The page's clock beside the server's.

/** Asks the server for its time so often: `[asked_ms, "server ns", answered_ms]` each. */
export async function ask(exchanges) {
  const all = [];
  for (let i = 0; i < exchanges; i += 1) {
    const asked = performance.now();
    const answer = await fetch("/clock", { cache: "no-store" });
    const answered = performance.now();
    // The time was taken before the head was sent; reading the body is not part of the exchange.
    all.push([asked, await answer.text(), answered]);
  }
  return all;
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
