// The official Socket.IO server on Node, at its defaults.
//
//   node socketio.mjs PORT
//
// A client joins the room that its handshake's auth names (`{ channel: N }`); POST /publish?channel=N emits the body, a JSON
// array, to the room as the one argument of the event `message`.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (request.method !== "POST" || url.pathname !== "/publish") {
    response.writeHead(404).end();
    return;
  }
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const message = JSON.parse(Buffer.concat(chunks).toString());
    io.to(`channel ${url.searchParams.get("channel")}`).emit("message", message);
    response.writeHead(204).end();
  });
});
// An idle connection is kept, as with the other servers.
server.keepAliveTimeout = 0;

const io = new Server(server);
io.on("connection", (socket) => {
  socket.join(`channel ${socket.handshake.auth.channel}`);
});

server.listen(Number(process.argv[2]), "127.0.0.1");
