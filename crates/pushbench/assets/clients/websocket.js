// WebSocket: one frame per message, in both directions.

import { query } from "./http.js";

export async function subscribe(session) {
  session.request();
  const socket = new WebSocket(`${session.origin.replace(/^http/, "ws")}/ws?${query(session)}`);
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
    socket.onclose = ({ code, reason }) => {
      if (session.stopped.aborted) done();
      else fail(Object.assign(new Error(`closed with ${code} ${reason}`.trim()), { close: { code, reason } }));
    };
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
