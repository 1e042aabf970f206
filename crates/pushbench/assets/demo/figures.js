// Numbers and how they are written. Pure: nothing here depends on the page.

const SMALLEST_MS = 0.01;
const STEP = Math.log(1.02);

/** Latencies in buckets 2 % wide, so that quantiles cost the same for a hundred events and for a million. */
export class Latencies {
  constructor() {
    this.buckets = [];
    this.count = 0;
  }

  add(ms) {
    const at = ms <= SMALLEST_MS ? 0 : Math.ceil(Math.log(ms / SMALLEST_MS) / STEP);
    this.buckets[at] = (this.buckets[at] ?? 0) + 1;
    this.count += 1;
  }

  /** The least latency in ms that at least this share of the events did not exceed. */
  quantile(share) {
    let left = Math.ceil(share * this.count);
    for (const [at, count] of this.buckets.entries()) {
      left -= count ?? 0;
      if (this.count > 0 && left <= 0) return SMALLEST_MS * Math.exp(at * STEP);
    }
    return undefined;
  }
}

/** Milliseconds as a number and its unit: three digits at most. */
export function time(ms) {
  if (ms === undefined) return ['–', ''];
  if (ms < 0.1) return ['<0.1', 'ms'];
  if (ms < 9.95) return [ms.toFixed(1), 'ms'];
  if (ms < 999.5) return [ms.toFixed(0), 'ms'];
  return [(ms / 1000).toFixed(ms < 9950 ? 2 : 1), 's'];
}

/** Bytes as a number and its unit; thousands from `thousands` on. */
export function bytes(count, thousands = 9999.5) {
  if (!Number.isFinite(count)) return ['–', ''];
  if (count < thousands) return [count.toFixed(0), 'B'];
  if (count < 999_500) return [(count / 1000).toFixed(count < 99_950 ? 1 : 0), 'kB'];
  return [(count / 1e6).toFixed(count < 9.995e6 ? 2 : 1), 'MB'];
}

/** A ratio: 1.3, 12. */
export function ratio(value) {
  return value < 9.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Number and unit in one piece, with a space that does not break. */
export function said([number, unit]) {
  return unit ? `${number}\u00a0${unit}` : number;
}

/** Milliseconds in a sentence: without trailing zeros. */
export function span(ms) {
  const [number, unit] = time(ms);
  return said([number.includes('.') ? number.replace(/\.?0+$/, '') : number, unit]);
}

/** The median of numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
