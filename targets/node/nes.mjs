// nes: hapi's own protocol on WebSocket.
import Hapi from "@hapi/hapi";
import Nes from "@hapi/nes";

const server = Hapi.server({ port: Number(process.argv[2]), host: "127.0.0.1" });
await server.register(Nes);
server.subscription("/channel/{channel}");
server.route({
  method: "POST",
  path: "/publish",
  handler: async (request, h) => {
    await server.publish(`/channel/${request.query.channel}`, request.payload);
    return h.response().code(204);
  },
});
server.listener.keepAliveTimeout = 0;
await server.start();
