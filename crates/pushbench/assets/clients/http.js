// Shared by the clients of HTTP techniques.

/** The query that subscribes: after the last event received, if any. */
export const query = ({ channel, after }) => `channel=${channel}${after === null ? "" : `&after=${after}`}`;

/** Reads, and posts what the subscriber sends, until one of the two ends. */
export async function twoWay(session, read) {
  const connection = new AbortController();
  const signal = AbortSignal.any([session.stopped, connection.signal]);
  try {
    await Promise.race([read(signal), post(session, signal)]);
  } finally {
    connection.abort();
  }
}

/** Sends a counted request; any status other than these is an error. */
export async function request(session, path, options, statuses) {
  session.request();
  const response = await fetch(session.origin + path, { cache: "no-store", ...options });
  const { status } = response;
  if (statuses.includes(status)) return response;
  throw Object.assign(new Error(`the server answered ${status} to ${path}`), { status });
}

/** Asks once for events, and delivers those in the response. */
export async function poll(session, signal) {
  const response = await request(session, `/events?${query(session)}`, { signal }, [200, 204, 304]);
  const text = response.status === 200 ? await response.text() : "";
  const messages = text.split("\n").filter((line) => line !== "");
  for (const message of messages) session.received(message);
  session.response(messages.length);
}

/** Posts one message after the other until the trial is over. */
async function post(session, signal) {
  for (;;) {
    const body = await session.outgoing();
    if (body === null) return;
    await request(session, `/messages?channel=${session.channel}`, { method: "POST", body, signal }, [204]);
  }
}
