// Engine.IO, the transport below Socket.IO: the handshake's query names the channel.
import { attach } from "engine.io";
import { listen, serve } from "./serve.mjs";

const channels = new Map();
const members = (channel) => channels.get(channel) ?? channels.set(channel, new Set()).get(channel);

const server = serve((channel, body) => members(channel).forEach((socket) => socket.send(body)));
attach(server).on("connection", (socket) => {
  const { channel } = socket.request._query;
  members(channel).add(socket);
  socket.on("close", () => members(channel).delete(socket));
});
listen(server);
