// HTTP streaming: NDJSON by a reader of the answer's body, Server-Sent Events by `EventSource`.

import { request, twoWay } from "./http.js";

/** A line each. */
export async function ndjson(session) {
  await twoWay(session, async (signal) => {
    const answer = await request(session, `/stream?${session.query}`, { signal }, [200]);
    session.connected();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      deliver(session, lines.filter((line) => line !== ""));
    }
  });
}

/** A line that is no message is the server's last word. */
function deliver(session, lines) {
  for (const line of lines) {
    if (!line.startsWith("[")) throw new Error(`the server let this subscriber go: ${line}`);
    session.received(line);
  }
  if (lines.length > 0) session.response(lines.length);
}

/** An event each. The browser connects again by itself when a connection breaks, and says after which event. */
export async function sse(session) {
  await twoWay(session, (signal) => {
    session.request();
    const source = new EventSource(`/stream?${session.query}`);
    signal.addEventListener("abort", () => source.close(), { once: true });
    source.onopen = () => session.connected();
    source.onmessage = ({ data }) => {
      session.received(data);
      session.response(1);
    };
    return new Promise((done, fail) => {
      signal.addEventListener("abort", done, { once: true });
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) fail(new Error("the browser gave the event source up"));
        else {
          session.broke("the event source connects again");
          session.request();
        }
      };
    });
  });
}
