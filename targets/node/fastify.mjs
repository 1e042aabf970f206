// Fastify with @fastify/websocket.
import websocket from "@fastify/websocket";
import Fastify from "fastify";

const channels = new Map();
const members = (channel) => channels.get(channel) ?? channels.set(channel, new Set()).get(channel);

const app = Fastify({ keepAliveTimeout: 0, connectionTimeout: 0 });
await app.register(websocket);
app.get("/ws", { websocket: true }, (socket, request) => {
  members(request.query.channel).add(socket);
  socket.on("close", () => members(request.query.channel).delete(socket));
});
app.post("/publish", async (request, reply) => {
  members(request.query.channel).forEach((socket) => socket.send(JSON.stringify(request.body)));
  return reply.code(204).send();
});
await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
