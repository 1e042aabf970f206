"use strict";
// The chooser: what each technique takes in a situation, by the model of `cost_model.rs`, and which to take, by the rules of `advise.rs`
// and `recommend.rs`. A test compares both.

/** The value of `[[from, value], …]` at a length; zero below the first. */
const stepAt = (steps, length) => steps.filter(([from]) => from <= length).at(-1)?.[1] ?? 0;

const receivedPerS = (it) => it.rate_per_s + (it.is_to_channel ? (it.uplink_per_s * it.subscribers) / it.channels : 0);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** Exchanges without an event per second, where each silence of so many ns has one. */
function silencesPerS(situation, afterNs) {
  const rate = receivedPerS(situation), after = afterNs / 1e9;
  if (after <= 0) return 0;
  if (situation.is_constant) return Math.max(0, 1 / after - rate);
  if (rate * after < 1e-9) return 1 / after;
  return (rate * Math.exp(-rate * after)) / -Math.expm1(-rate * after);
}

/** Answers with events, and exchanges without, per second and subscriber. */
function exchanges(technique, situation) {
  const rate = receivedPerS(situation);
  if (technique.kind === "push") return [rate, silencesPerS(situation, situation.heartbeat_ns)];
  if (technique.kind === "interval") {
    const interval = Math.max(situation.interval_ns, 1e5) / 1e9;
    const share = situation.is_constant ? Math.min(1, rate * interval) : -Math.expm1(-rate * interval);
    return [share / interval, (1 - share) / interval];
  }
  const away = (sum(situation.transit_ns) + 2 * technique.p50.fixed_ns + situation.coalescing_ns) / 1e9;
  const responses = !situation.is_constant ? rate / (1 + rate * away) : rate * away <= 1 ? rate : 1 / away;
  return [responses, silencesPerS(situation, situation.hold_ns)];
}

/** How long an event waits at the server, ns. */
function waiting(technique, situation, quantile) {
  const rate = receivedPerS(situation) / 1e9;
  if (technique.kind === "interval") return quantile * situation.interval_ns;
  if (situation.coalescing_ns > 0) {
    const others = rate * situation.coalescing_ns;
    return Math.min(situation.coalescing_ns, ((quantile * (1 + others)) / others) * situation.coalescing_ns);
  }
  if (technique.kind === "push") return 0;
  const away = sum(situation.transit_ns), share = (rate * away) / (1 + rate * away);
  return share > 0 ? away * Math.max(0, (quantile - 1 + share) / share) : 0;
}

/** What a technique takes: of all subscribers together, per second. Null where its bytes are not known. */
function expect(technique, situation) {
  const bytes = technique.bytes.find((it) => it.headers === situation.headers && it.tls === situation.tls);
  if (!bytes || (!bytes.uplink && situation.uplink_per_s > 0)) return null;
  const rate = receivedPerS(situation), all = situation.subscribers;
  const [responses, empties] = exchanges(technique, situation);
  const message = situation.message_bytes + stepAt(bytes.message, situation.message_bytes);
  const content = responses > 0 ? (rate / responses) * message : 0;
  const digits = Math.max(0, Math.floor(Math.log10(situation.events_before + 1))) * bytes.digit;
  const numbered = technique.kind === "push" ? rate : responses + empties;
  const up = bytes.uplink ? situation.uplink_bytes + stepAt(bytes.uplink, situation.uplink_bytes) : 0;
  const own = rate * message + responses * (bytes.exchange + stepAt(bytes.content, content)) + empties * bytes.empty + numbered * digits + situation.uplink_per_s * up;

  const messagesUp = all * situation.uplink_per_s, events = situation.rate_per_s * situation.channels;
  const isInterval = technique.kind === "interval";
  const wakes = (isInterval ? (responses + empties) * all : events) + messagesUp, stores = isInterval ? events : 0;
  const { cold, cpu: { wake, store, byte, response, empty, up: upward, tls } } = technique;
  const core = 1 + cold.core / (1 + (wakes + stores) / cold.core_per_s);
  const cpu = wake * wakes * core + store * stores + byte * own * all + (response * responses * all + empty * empties * all + upward * messagesUp) * core;

  const [down, upTransit] = situation.transit_ns;
  const [hops, transit] = situation.is_to_channel ? [2, down + upTransit] : [1, down];
  const latency = (of, quantile) => transit + waiting(technique, situation, quantile) + (of.fixed_ns * hops + (of.subscriber_ns * all) / situation.channels) * core;
  const memory = technique.memory.find((it) => it.tls === situation.tls);
  return {
    bytes: own * all,
    cpu_ns: situation.tls ? cpu * tls : cpu,
    memory_bytes: memory ? memory.bytes * all : null,
    p50_ns: latency(technique.p50, 0.5),
    p99_ns: Math.max(latency(technique.p50, 0.5), latency(technique.p99, 0.99)),
  };
}

/** What of a situation was measured: `measured`, `interpolated`, or a list of what lies outside. */
function basisOf(covered, situation) {
  const rate = receivedPerS(situation), near = (a, b) => Math.abs(a - b) <= 0.01 * Math.max(a, b);
  const isSame = ([ofRate, message, subscribers, tls, up]) => near(ofRate, rate) && near(subscribers, situation.subscribers)
    && Math.abs(message - situation.message_bytes) <= 60 && tls > 0 === situation.tls && near(up, situation.uplink_per_s);
  if (covered.some(isSame)) return "measured";
  const isOutside = (value, of, slack = 0) => {
    const all = covered.map(of);
    return value < Math.min(...all) * 0.99 - slack || value > Math.max(...all) * 1.01 + slack;
  };
  const outside = [];
  if (isOutside(rate, (it) => it[0])) outside.push("rate");
  if (isOutside(situation.message_bytes, (it) => it[1], 60)) outside.push("message");
  if (isOutside(situation.subscribers, (it) => it[2])) outside.push("subscribers");
  if (isOutside(rate * situation.subscribers, (it) => it[0] * it[2])) outside.push("deliveries");
  if (situation.tls && covered.every((point) => point[3] === 0)) outside.push("TLS");
  if (situation.uplink_per_s > 0 && covered.every((point) => point[4] === 0)) outside.push("messages of subscribers");
  return outside.length ? outside : "interpolated";
}

/** All techniques in a situation, the best first: those that tie with it have `is_best`, those beyond the budget `is_late`. */
function advise(model, situation, withinNs) {
  const DAY = 86400, HOUR_NS = 3600e9, { vcpu_hour, gib_hour, gb } = model.prices;
  const dollars = (cpuNs, bytes, memoryNs) => (cpuNs / HOUR_NS) * vcpu_hour + (bytes / 1e9) * gb + (memoryNs / HOUR_NS / 2 ** 30) * gib_hour;
  const all = model.techniques.filter((it) => !it.baseline).flatMap((technique) => {
    const at = (interval_ns) => {
      const own = expect(technique, { ...situation, interval_ns });
      return own ?? expect(technique, { ...situation, interval_ns, headers: "browser" });
    };
    let interval_ns = null;
    if (technique.kind === "interval") {
      // The longest interval of whole milliseconds that is quick enough, by halving; the shortest where none is.
      let low = 10, high = 60000;
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if ((at(middle * 1e6)?.p99_ns ?? Infinity) <= withinNs) low = middle; else high = middle - 1;
      }
      interval_ns = low * 1e6;
    }
    const expected = at(interval_ns ?? situation.interval_ns);
    // Zero stands for what was not measured.
    if (!expected || !(expected.cpu_ns > 0 && expected.p50_ns > 0)) return [];
    const cost = dollars(expected.cpu_ns, expected.bytes, (expected.memory_bytes ?? 0) * 1e9) * DAY;
    const error = ((dollars(expected.cpu_ns, 0, 0) * DAY) / cost) * technique.cpu.spread * (1.96 / 1.44);
    const memory = technique.memory.find((it) => it.tls === situation.tls);
    const spreads = [technique.cpu.spread, memory?.spread ?? 0, technique.p50.spread, technique.p99.spread];
    return [{ slug: technique.slug, label: technique.label, interval_ns, expected, cost, error, spreads, basis: basisOf(technique.covered, situation), is_late: expected.p99_ns > withinNs, is_best: false }];
  });
  all.sort((a, b) => a.is_late - b.is_late || a.cost - b.cost);
  const first = all[0];
  for (const it of all.filter((it) => !it.is_late)) {
    const ratio = it.cost / first.cost, factor = Math.exp(Math.hypot(it.error, first.error));
    const isNear = (value) => value >= 1 / 1.1 && value <= 1.1;
    it.is_best = it === first || (ratio / factor <= 1 && ratio * factor >= 1) || (isNear(ratio / factor) && isNear(ratio * factor));
  }
  return all;
}
