// Keeps a subscriber subscribed until the trial ends: a connection that breaks is made again.

const PAUSE_MS = 50;

export async function keep(session, subscribe) {
  while (!session.stopped.aborted) {
    try {
      await subscribe(session);
      if (!session.stopped.aborted) session.broke("the server ended the connection");
    } catch (error) {
      if (session.stopped.aborted) return;
      session.broke(error);
    }
    await session.pause(PAUSE_MS);
  }
}
