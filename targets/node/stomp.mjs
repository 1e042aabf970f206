// stomp-broker-js: a STOMP broker on WebSocket.
import StompServer from "stomp-broker-js";
import { listen, serve } from "./serve.mjs";

const server = serve((channel, body) => broker.send(`/channel/${channel}`, {}, body));
const broker = new StompServer({ server, path: "/stomp", heartbeat: [0, 0] });
listen(server);
