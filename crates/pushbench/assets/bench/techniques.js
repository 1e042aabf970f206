// The techniques by their slugs: each subscribes until the session is stopped or the connection ends.

import * as polling from "./polling.js";
import * as socketio from "./socketio.js";
import * as streaming from "./streaming.js";
import * as websocket from "./websocket.js";

const TECHNIQUES = {
  "short-polling": polling.short,
  "long-polling": polling.long,
  "http-streaming-ndjson": streaming.ndjson,
  "http-streaming-sse": streaming.sse,
  websocket: websocket.subscribe,
  socketio: socketio.subscribe,
};

export function technique(slug) {
  const found = TECHNIQUES[slug];
  if (found === undefined) throw new Error(`a page knows no technique ${slug}`);
  return found;
}
