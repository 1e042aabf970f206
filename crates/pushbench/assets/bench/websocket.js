// WebSocket: a frame each, both ways.

export async function subscribe(session) {
  const origin = location.origin.replace(/^http/, "ws");
  session.request();
  const socket = new WebSocket(`${origin}/ws?${session.query}`);
  socket.binaryType = "arraybuffer";
  session.stopped.addEventListener("abort", () => socket.close(1000), { once: true });
  socket.onmessage = ({ data }) => {
    session.received(typeof data === "string" ? data : new TextDecoder().decode(data));
    session.response(1);
  };
  socket.onopen = () => {
    session.connected();
    void send(session, socket);
  };
  await new Promise((done, fail) => {
    socket.onclose = ({ code, reason }) =>
      session.stopped.aborted ? done() : fail(new Error(`closed with ${code} ${reason}`.trim()));
  });
}

async function send(session, socket) {
  const isBinary = session.settings.frames === "binary";
  for (;;) {
    const message = await session.outgoing();
    if (message === null || socket.readyState !== WebSocket.OPEN) return;
    socket.send(isBinary ? new TextEncoder().encode(message) : message);
  }
}
