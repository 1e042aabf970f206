// A technique's figures in words. Pure: figures in, a sentence out.

import { bytes, ratio, said, span } from './figures.js';

/** How long after a stall its consequences are shown. */
const SHOWN_MS = 6000;

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** A technique's figures in a sentence. `row` is a `Row`'s summary; `controls` the values of the sliders. */
export function sentence(row, controls) {
  const incident = afterClose(row) ?? inStall(row) ?? afterStall(row);
  if (incident) return incident;
  if (row.events === 0) return waiting(row, controls);
  return (OF[row.slug] ?? plain)(row, controls);
}

const OF = {
  'short-polling': (row, { poll_ms }) => {
    const asked = `Asks every ${span(poll_ms)} for new events: ${plural(row.requests, 'request')}`;
    const empty = row.empties > 0 ? `, ${row.empties} of them without a new event` : '';
    const wait = poll_ms > 4 * (row.p50 ?? 0) ? '' : `, and an event waits ${span(row.p50)} for the next request`;
    return `${asked} for ${plural(row.events, 'event')}${empty}${wait}.`;
  },
  'long-polling': (row) => {
    const together = row.events / Math.max(1, row.reads);
    const cost = `${said(bytes(row.extra))} on top of each event`;
    if (together < 1.2) return `The server holds the request until there is an event: a whole request and response each time, ${cost}.`;
    return `Events that fall due before the next request arrives share a response: ${ratio(together)} events each, ${cost}.`;
  },
  'http-streaming-ndjson': (row) =>
    `One response that never ends: no request per event, ${said(bytes(row.extra))} on top of each.`,
  'http-streaming-sse': (row) =>
    `One response that never ends, and the browser reconnects by itself: ${said(bytes(row.extra))} on top of each event.`,
  websocket: (row) =>
    `One connection that stays open, for both directions: ${said(bytes(row.extra))} on top of each event, and no HTTP.`,
  socketio: (row) =>
    `Begins with HTTP polls, upgrades to WebSocket, and names every event: ${said(bytes(row.extra))} on top of each.`,
};

const plain = (row) => `${plural(row.events, 'event')} so far, ${said(bytes(row.extra))} on top of each.`;

function waiting(row, { poll_ms }) {
  if (!row.connected) return 'Connecting.';
  if (row.slug === 'short-polling') return `Asks every ${span(poll_ms)}; no event yet.`;
  return 'Connected; no event yet.';
}

function afterClose({ close, now_ms, caught_up }) {
  if (!close || now_ms - close.at_ms > SHOWN_MS) return undefined;
  const closed = `Closed by the server with ${close.code}${close.reason ? ` (${close.reason})` : ''}`;
  if (close.back_ms === undefined) return `${closed}; connecting again.`;
  const again = `connected again after ${span(close.back_ms - close.at_ms)}`;
  return `${closed}, ${again}${caught_up > 0 ? `; ${plural(caught_up, 'missed event')} came then` : ''}.`;
}

function inStall({ stall, now_ms, latest_ms }) {
  if (!stall || now_ms < stall.from_ms || now_ms > stall.until_ms) return undefined;
  return `Silent for ${span(now_ms - Math.max(stall.from_ms, latest_ms ?? 0))}; events keep falling due.`;
}

function afterStall({ stall, now_ms, released }) {
  if (!stall || now_ms > stall.until_ms + SHOWN_MS || now_ms < stall.until_ms || !released?.count) return undefined;
  const came = released.count === 1 ? 'one event came' : `${released.count} events came at once`;
  return `The server stood still, then ${came}; the oldest was ${span(released.worst_ms)} late.`;
}

/** The page in a sentence: the lowest and the highest latency and cost. */
export function gist(rows, controls) {
  const ready = rows.filter((row) => row.events > 0 && Number.isFinite(row.each));
  if (ready.length < 2) return undefined;
  const by = (key) => [...ready].sort((a, b) => a[key] - b[key]);
  const [lean, heavy] = [by('each').at(0), by('each').at(-1)];
  const slow = by('p50').at(-1);
  const rate = `${plural(controls.rate_per_s, 'event')} a second`;
  return [
    `At ${rate}, `, { strong: lean.label }, ' brings each in ', { strong: span(lean.p50) }, ' and adds ',
    { strong: said(bytes(lean.extra)) }, ' to it. ',
    ...(slow === heavy
      ? [{ strong: slow.label }, ' takes ', { strong: span(slow.p50) }, ' and adds ', { strong: said(bytes(slow.extra)) }, '.']
      : [{ strong: slow.label }, ' takes ', { strong: span(slow.p50) }, '; ', { strong: heavy.label }, ' adds ', { strong: said(bytes(heavy.extra)) }, '.']),
  ];
}
