// SockJS: a client's first message names its channel.
import sockjs from "sockjs";
import { listen, serve } from "./serve.mjs";

const channels = new Map();
const members = (channel) => channels.get(channel) ?? channels.set(channel, new Set()).get(channel);

const echo = sockjs.createServer({ log: () => {} });
echo.on("connection", (connection) => {
  connection.on("data", (channel) => {
    members(channel).add(connection);
    connection.on("close", () => members(channel).delete(connection));
    connection.write("joined");
  });
});

const server = serve((channel, body) => members(channel).forEach((connection) => connection.write(body)));
echo.installHandlers(server, { prefix: "/sockjs" });
listen(server);
