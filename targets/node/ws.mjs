// A plain WebSocket server on Node: the package ws, as its README has it, without compression.
//
//   node ws.mjs PORT
//
// GET /ws?channel=N subscribes; POST /publish?channel=N sends the body to everybody in the channel, and so does a frame to those in its
// sender's channel.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const channels = new Map();
const channelOf = (request) => new URL(request.url, "http://localhost").searchParams.get("channel");

const send = (channel, message) => {
  for (const socket of channels.get(channel) ?? []) socket.send(message, { binary: false });
};

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const message = Buffer.concat(chunks);
    send(channelOf(request), message);
    response.writeHead(204).end();
  });
});
// An idle connection is kept, as with the other servers.
server.keepAliveTimeout = 0;

const sockets = new WebSocketServer({ server, path: "/ws", perMessageDeflate: false });
sockets.on("connection", (socket, request) => {
  const channel = channelOf(request);
  const members = channels.get(channel) ?? new Set();
  channels.set(channel, members.add(socket));
  socket.on("message", (message) => send(channel, message));
  socket.on("close", () => members.delete(socket));
  socket.on("error", () => socket.terminate());
});

server.listen(Number(process.argv[2]), "127.0.0.1");
