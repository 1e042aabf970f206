// Keeps a subscriber subscribed: a connection that breaks is made again.
//
// The client of a technique is `/clients/<slug>.js`. It exports `subscribe(session)`, which returns or throws when the
// connection ends. It measures and counts nothing; the session does. A session has
// - `origin`, `channel`, `after` (the last event received, or null), `settings`, `stopped` (an `AbortSignal`),
// - `received(message)`, `response(events)`, `request()`, `connected()`, `broke(error)`: reports of the client,
// - `outgoing()`, `pollDue()`, `pause(ms)`: promises to wait for.

/** The `subscribe` of a technique. */
export async function technique(slug) {
  const { subscribe } = await import(`./${slug}.js`);
  return subscribe;
}

export async function keep(session, subscribe, pause_ms) {
  while (!session.stopped.aborted) {
    try {
      await subscribe(session);
      if (!session.stopped.aborted) session.broke("the server ended the connection");
    } catch (error) {
      if (session.stopped.aborted) return;
      session.broke(error);
    }
    await session.pause(pause_ms);
  }
}
