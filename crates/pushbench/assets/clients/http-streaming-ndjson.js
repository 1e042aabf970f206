// One response that never ends, with a line per event.

import { query, request, twoWay } from "./http.js";

export async function subscribe(session) {
  await twoWay(session, async (signal) => {
    const response = await request(session, `/stream?${query(session)}`, { signal }, [200]);
    session.connected();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
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

/** A line that is no message is the reason why the server closes the session. */
function deliver(session, lines) {
  for (const line of lines) {
    if (!line.startsWith("[")) throw new Error(`the server closed the session: ${line}`);
    session.received(line);
  }
  if (lines.length > 0) session.response(lines.length);
}
