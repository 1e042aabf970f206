// Socket.IO by its official client, which the page has loaded as `io`.

const EVENT = "message";

export async function subscribe(session) {
  const transports = { polling: ["polling"], upgrade: ["polling", "websocket"], websocket: ["websocket"] };
  const names = transports[session.settings.transports];
  session.request();
  const socket = globalThis.io(session.origin, {
    transports: names,
    forceNew: true,
    // `keep` reconnects, as for every technique, so that it is counted.
    reconnection: false,
    auth: (done) => done({ channel: session.channel, ...(session.after === null ? {} : { after: session.after }) }),
  });
  const isUpgraded = names.length > 1 ? upgraded(socket) : Promise.resolve();
  session.stopped.addEventListener("abort", () => socket.disconnect(), { once: true });
  const count = watch(session, socket.io.engine);
  socket.on(EVENT, (message) => {
    session.received(message);
    count();
  });
  socket.on("connect", async () => {
    await isUpgraded;
    session.connected();
    void send(session, socket);
  });
  await new Promise((done, fail) => {
    socket.on("connect_error", (error) => fail(new Error(`not connected: ${error.message}`)));
    socket.on("dismissed", (reason) => session.broke(reason));
    socket.on("disconnect", (reason) => (session.stopped.aborted ? done() : fail(new Error(reason))));
  });
}

function upgraded(socket) {
  return new Promise((done) => socket.io.engine.once("upgrade", done));
}

async function send(session, socket) {
  for (;;) {
    const message = await session.outgoing();
    if (message === null || !socket.connected) return;
    socket.emit(EVENT, JSON.parse(message));
  }
}

/**
 * Counts requests and responses as the library makes them: a poll, a post, a frame. Returns the function to call for each event.
 */
function watch(session, engine) {
  let events = 0;
  let isPolling = engine.transport.name === "polling";
  const follow = (transport) => {
    isPolling = transport.name === "polling";
    if (!isPolling) return;
    transport.on("poll", () => session.request());
    // The library delivers a response's events after this, in microtasks.
    transport.on("pollComplete", () => setTimeout(() => {
      session.response(events);
      events = 0;
    }));
  };
  follow(engine.transport);
  engine.on("upgrade", follow);
  engine.on("flush", () => {
    if (isPolling) session.request();
  });
  return () => {
    if (isPolling) events += 1;
    else session.response(1);
  };
}
