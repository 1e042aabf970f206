// Short and long polling by `fetch`.

import { request, twoWay } from "./http.js";

/** A request at every interval, whether there is something new or not. */
export async function short(session) {
  await twoWay(session, async (signal) => {
    for (;;) {
      await session.pollDue();
      if (session.stopped.aborted) return;
      await poll(session, signal);
      session.connected();
    }
  });
}

/** The server holds the request until there is something new. */
export async function long(session) {
  await twoWay(session, async (signal) => {
    while (!session.stopped.aborted) {
      const answered = poll(session, signal);
      // The first answer may be long in coming. It begins after 0, so nothing can be missed meanwhile.
      session.connected();
      await answered;
    }
  });
}

async function poll(session, signal) {
  const answer = await request(session, `/events?${session.query}`, { signal }, [200, 204, 304]);
  let events = 0;
  if (answer.status === 200) {
    for (const line of (await answer.text()).split("\n")) {
      if (line === "") continue;
      session.received(line);
      events += 1;
    }
  }
  session.response(events);
}
