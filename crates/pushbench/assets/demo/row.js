// A technique's row: what has arrived by one technique, and how it is shown.

import { Latencies, bytes, median, ratio, said, time } from './figures.js';
import { Track } from './track.js';

/** Markers, in the registry's order: shapes distinguish what colours alone would not. */
const MARKERS = [
  '<circle cx="8" cy="8" r="6.5"/>',
  '<rect x="2" y="2" width="12" height="12"/>',
  '<path d="M8 1.5 15 14H1z"/>',
  '<path d="M8 .8 15.2 8 8 15.2.8 8z"/>',
  '<path d="M8 14.5 1 2h14z"/>',
  '<path d="m8 1 7 5.1-2.7 8.4H3.7L1 6.1z"/>',
  '<rect x="1" y="5" width="14" height="6"/>',
];
const RECENT_MS = 1000;
/** Events that arrive within this time after a stall were delayed by it. */
const RELEASE_MS = 300;

export class Row {
  constructor({ slug, label, about }, place) {
    Object.assign(this, { slug, label });
    this.element = document.createElement('li');
    this.element.className = 'technique';
    this.element.dataset.slug = slug;
    this.element.style.setProperty('--ink', `var(--t${place % MARKERS.length})`);
    this.element.innerHTML = markup(MARKERS[place % MARKERS.length]);
    this.part('h3 span').textContent = label;
    this.part('h3').title = about;
    this.part('canvas').setAttribute('aria-label', `The latest events of ${label}, each a line from its sending to its arrival`);
    this.track = new Track(this.part('canvas'));
    this.connected = false;
    this.close = undefined;
    this.latest = { bytes: 0, requests: 0, connections: 0, layers: {} };
    this.again();
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  /** Starts counting from here. */
  again() {
    Object.assign(this, { latencies: new Latencies(), events: 0, reads: 0, empties: 0, recent: [], released: undefined });
    this.base = this.latest;
  }

  /** Takes what the worker received. */
  take({ arrivals, reads, empties, notes }, stall) {
    this.reads += reads;
    this.empties += empties;
    this.events += arrivals.length / 2;
    this.track.add(arrivals);
    // A connection is back before its events arrive.
    for (const note of notes) this.note(note);
    for (let at = 0; at < arrivals.length; at += 2) this.arrived(arrivals[at], arrivals[at + 1], stall);
  }

  arrived(sent_ms, received_ms, stall) {
    const latency_ms = Math.max(0, received_ms - sent_ms);
    this.latencies.add(latency_ms);
    this.recent.push([received_ms, latency_ms]);
    this.latest_ms = received_ms;
    if (stall && sent_ms < stall.until_ms && received_ms >= stall.until_ms && sent_ms >= stall.from_ms - RELEASE_MS) {
      const released = this.released?.of === stall.from_ms ? this.released : { of: stall.from_ms, count: 0, worst_ms: 0 };
      this.released = { ...released, count: released.count + 1, worst_ms: Math.max(released.worst_ms, latency_ms) };
    }
    if (this.close?.back_ms !== undefined && sent_ms >= this.close.at_ms && sent_ms < this.close.back_ms) this.close.caught_up += 1;
  }

  note(note) {
    if (note.kind === 'opened') {
      this.connected = true;
      if (this.close && this.close.back_ms === undefined) this.close.back_ms = note.at_ms;
    } else if (note.kind === 'closed') {
      this.connected = false;
      this.close = { ...note, caught_up: 0 };
    }
  }

  /** The figures that words and numbers are made of. */
  summary(now_ms, stall) {
    const requests = this.latest.requests - this.base.requests;
    const total = this.latest.bytes - this.base.bytes;
    return {
      slug: this.slug, label: this.label, now_ms, stall, requests, total,
      each: total / this.events,
      // Neither the application's bytes nor the instrument's.
      extra: (total - this.layer('payload') - this.layer('stamp')) / this.events,
      events: this.events, reads: this.reads, empties: this.empties,
      now: this.latencyNow(now_ms), p50: this.latencies.quantile(0.5), p99: this.latencies.quantile(0.99),
      connections: this.latest.connections, connected: this.connected, close: this.close,
      caught_up: this.close?.caught_up ?? 0, released: this.released?.of === stall?.from_ms ? this.released : undefined,
      latest_ms: this.latest_ms,
    };
  }

  /** The median latency of the last second; without events, the last one. */
  latencyNow(now_ms) {
    const last = this.recent.at(-1);
    this.recent = this.recent.filter(([received_ms]) => now_ms - received_ms < RECENT_MS);
    if (this.recent.length === 0 && last) this.recent = [last];
    return median(this.recent.map(([, latency_ms]) => latency_ms));
  }

  layer(label) {
    return (this.latest.layers[label] ?? 0) - (this.base.layers[label] ?? 0);
  }

  /** Shows the numbers. `most` is the largest total of all rows, `least` the smallest per event. */
  show(summary, layers, most, least) {
    this.figure('.now', time(summary.now));
    this.figure('.half', time(summary.p50));
    this.figure('.most', time(summary.p99));
    this.figure('.each', bytes(summary.each));
    this.figure('.requests', [summary.requests.toLocaleString('en'), '']);
    this.figure('.open', [String(summary.connections), '']);
    const times = summary.each / least;
    this.part('.times').textContent = !Number.isFinite(times) ? '' : times < 1.05 ? 'the least' : `${ratio(times)} × the least`;
    this.part('.total').textContent = said(bytes(summary.total, 1000));
    this.stack(layers, summary.total, most);
  }

  figure(selector, [number, unit]) {
    this.part(`${selector} b`).textContent = number;
    this.part(`${selector} small`).textContent = unit && ` ${unit}`;
  }

  stack(layers, total, most) {
    const parts = layers.map((label) => [label, this.layer(label)]).filter(([, count]) => count > 0);
    const stack = this.part('.stack');
    while (stack.children.length < parts.length) stack.append(document.createElement('i'));
    while (stack.children.length > parts.length) stack.lastChild.remove();
    parts.forEach(([label, count], nth) => {
      const part = stack.children[nth];
      part.style.background = layerColour(label);
      part.style.width = `${(100 * count) / most}%`;
      part.title = `${label}: ${said(bytes(count))}`;
    });
    const shares = parts.map(([label, count]) => `${label} ${Math.round((100 * count) / total)} %`);
    stack.setAttribute('aria-label', shares.join(', '));
  }
}

/** A layer's colour in the style sheet. */
export function layerColour(label) {
  return `var(--l-${label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}, var(--quiet))`;
}

function markup(marker) {
  const figure = (name, label, more = '') => `<div class="${name}"><dt>${label}</dt><dd><b></b><small></small>${more}</dd></div>`;
  return `<h3><svg viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">${marker}</svg><span></span></h3>
    <canvas class="track" role="img"></canvas>
    <dl class="figures">
      ${figure('now', 'latency now')}${figure('half', 'p50')}${figure('most', 'p99')}
      ${figure('each', 'bytes per event', '<span class="times"></span>')}
      <div class="bytes"><dt>bytes so far, by layer</dt><dd><div class="stack" role="img"></div><div class="total"></div></dd></div>
      ${figure('requests', 'requests')}${figure('open', 'connections')}
    </dl>
    <p class="words"></p>`;
}
