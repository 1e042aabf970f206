// SocketCluster: its own publish-subscribe protocol on WebSocket.
import { attach } from "socketcluster-server";
import { listen, serve } from "./serve.mjs";

const server = serve((channel, body) => cluster.exchange.invokePublish(`channel/${channel}`, JSON.parse(body)));
const cluster = attach(server);
(async () => {
  for await (const { error } of cluster.listener("warning")) console.error(error.message);
})();
listen(server);
