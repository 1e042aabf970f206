// What a lane's figures mean, in plain words. Pure: figures in, a sentence out.

import { bytes, ratio, said, span } from './figures.js';

/** How long after a stall its consequences are told. */
const TOLD_MS = 6000;

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** What the figures of a lane say. `lane` is a `Lane`'s summary; `controls` what the sliders say. */
export function sentence(lane, controls) {
  const trouble = afterClose(lane) ?? inStall(lane) ?? afterStall(lane);
  if (trouble) return trouble;
  if (lane.events === 0) return waiting(lane, controls);
  return (OF[lane.slug] ?? plain)(lane, controls);
}

const OF = {
  'short-polling': (lane, { poll_ms }) => {
    const asked = `Asks every ${span(poll_ms)} whether there is news: ${plural(lane.requests, 'request')}`;
    const vain = lane.empties > 0 ? `, ${lane.empties} of them in vain` : '';
    const wait = poll_ms > 4 * (lane.p50 ?? 0) ? '' : `, and an event waits ${span(lane.p50)} for the next question`;
    return `${asked} for ${plural(lane.events, 'event')}${vain}${wait}.`;
  },
  'long-polling': (lane) => {
    const together = lane.events / Math.max(1, lane.reads);
    const cost = `${said(bytes(lane.extra))} on top of each event`;
    if (together < 1.2) return `The request waits at the server until there is news, then is asked again: a whole request and answer each time, ${cost}.`;
    return `News that comes while the next request is on its way shares an answer: ${ratio(together)} events each, ${cost}.`;
  },
  'http-streaming-ndjson': (lane) =>
    `One answer that never ends: no request per event, ${said(bytes(lane.extra))} on top of each.`,
  'http-streaming-sse': (lane) =>
    `One answer that never ends, and the browser connects again by itself: ${said(bytes(lane.extra))} on top of each event.`,
  websocket: (lane) =>
    `One connection that stays open, for both directions: ${said(bytes(lane.extra))} on top of each event, and no more HTTP.`,
  socketio: (lane) =>
    `Begins with HTTP polls, goes over to WebSocket, and names every event: ${said(bytes(lane.extra))} on top of each.`,
};

const plain = (lane) => `${plural(lane.events, 'event')} so far, ${said(bytes(lane.extra))} on top of each.`;

function waiting(lane, { poll_ms }) {
  if (!lane.connected) return 'Connecting.';
  if (lane.slug === 'short-polling') return `Asks every ${span(poll_ms)}; nothing yet.`;
  return 'Connected; nothing has come yet.';
}

function afterClose({ close, now_ms, caught_up }) {
  if (!close || now_ms - close.at_ms > TOLD_MS) return undefined;
  const told = `Closed by the server with ${close.code}${close.reason ? ` (${close.reason})` : ''}`;
  if (close.back_ms === undefined) return `${told}; connecting again.`;
  const again = `connected again after ${span(close.back_ms - close.at_ms)}`;
  return `${told}, ${again}${caught_up > 0 ? `; ${plural(caught_up, 'event')} of the meantime came then` : ''}.`;
}

function inStall({ stall, now_ms, latest_ms }) {
  if (!stall || now_ms < stall.from_ms || now_ms > stall.until_ms) return undefined;
  return `Silent for ${span(now_ms - Math.max(stall.from_ms, latest_ms ?? 0))}; events keep falling due.`;
}

function afterStall({ stall, now_ms, released }) {
  if (!stall || now_ms > stall.until_ms + TOLD_MS || now_ms < stall.until_ms || !released?.count) return undefined;
  const came = released.count === 1 ? 'one event came' : `${released.count} events came at once`;
  return `The server stood still, then ${came}; the oldest was ${span(released.worst_ms)} late.`;
}

/** The page in a sentence: the quickest against the slowest, the leanest against the most lavish. */
export function gist(lanes, controls) {
  const ready = lanes.filter((lane) => lane.events > 0 && Number.isFinite(lane.each));
  if (ready.length < 2) return undefined;
  const by = (key) => [...ready].sort((a, b) => a[key] - b[key]);
  const [lean, lavish] = [by('each').at(0), by('each').at(-1)];
  const slow = by('p50').at(-1);
  const rate = `${plural(controls.rate_per_s, 'event')} a second`;
  return [
    `At ${rate}, `, { strong: lean.label }, ' brings each in ', { strong: span(lean.p50) }, ' and adds ',
    { strong: said(bytes(lean.extra)) }, ' to it. ',
    ...(slow === lavish
      ? [{ strong: slow.label }, ' takes ', { strong: span(slow.p50) }, ' and adds ', { strong: said(bytes(slow.extra)) }, '.']
      : [{ strong: slow.label }, ' takes ', { strong: span(slow.p50) }, '; ', { strong: lavish.label }, ' adds ', { strong: said(bytes(lavish.extra)) }, '.']),
  ];
}
