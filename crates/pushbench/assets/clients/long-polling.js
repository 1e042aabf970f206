// The server holds the request until there is an event.

import { poll, twoWay } from "./http.js";

export async function subscribe(session) {
  await twoWay(session, async (signal) => {
    while (!session.stopped.aborted) {
      const answered = poll(session, signal);
      // The first response may take long. It starts after event 0, so no event is lost meanwhile.
      session.connected();
      await answered;
    }
  });
}
