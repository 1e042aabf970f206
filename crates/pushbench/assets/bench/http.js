// What the HTTP techniques share.

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

/** A request, counted; any other status than these is an error. */
export async function request(session, url, options, statuses) {
  session.request();
  const answer = await fetch(url, { cache: "no-store", ...options });
  if (!statuses.includes(answer.status)) throw new Error(`the server answered ${answer.status} to ${url}`);
  return answer;
}

/** Posts one message after the other; never ends well before the trial does. */
async function post(session, signal) {
  for (;;) {
    const body = await session.outgoing();
    if (body === null) return;
    await request(session, `/messages?channel=${session.channel}`, { method: "POST", body, signal }, [204]);
  }
}
