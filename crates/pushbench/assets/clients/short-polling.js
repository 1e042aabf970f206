// A request at every interval, whether there are new events or not.

import { poll, twoWay } from "./http.js";

export async function subscribe(session) {
  await twoWay(session, async (signal) => {
    for (;;) {
      await session.pollDue();
      if (session.stopped.aborted) return;
      await poll(session, signal);
      session.connected();
    }
  });
}
