// Aedes: an MQTT broker, on WebSocket.
import { Aedes } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";
import { listen, serve } from "./serve.mjs";

const broker = await Aedes.createBroker();
const publish = (channel, payload) =>
  new Promise((done) => broker.publish({ topic: `channel/${channel}`, payload, qos: 0, retain: false }, done));
const server = serve(publish);
new WebSocketServer({ server }).on("connection", (socket) => broker.handle(createWebSocketStream(socket)));
listen(server);
