// Server-Sent Events by `EventSource`. When a connection breaks, the browser reconnects with the last event's ID.

import { query, twoWay } from "./http.js";

export async function subscribe(session) {
  await twoWay(session, (signal) => {
    session.request();
    const source = new EventSource(`${session.origin}/stream?${query(session)}`);
    signal.addEventListener("abort", () => source.close(), { once: true });
    source.onopen = () => session.connected();
    source.onmessage = ({ data }) => {
      session.received(data);
      session.response(1);
    };
    return new Promise((done, fail) => {
      signal.addEventListener("abort", done, { once: true });
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) fail(new Error("the browser closed the event source"));
        else {
          session.broke("the event source reconnects");
          session.request();
        }
      };
    });
  });
}
