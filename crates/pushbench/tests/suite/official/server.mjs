// The official servers. They read commands from standard input and print events, each a line of JSON. `socket.io`: all
// of it; `engine.io`: only that layer, with just enough of Socket.IO to join.

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const require = createRequire(process.env.PACKAGES);
const print = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const options = { pingInterval: Number(process.argv[3] ?? 25000), pingTimeout: 5000 };
const http = createServer();
const connections = new Set();
http.on("connection", (connection) => connections.add(connection));
let commands;

function watch(connection) {
  connection.on("packet", ({ type }) => type === "pong" && print({ pong: connection.transport.name }));
  connection.on("upgrade", ({ name }) => print({ upgraded: name }));
}

if (process.argv[2] === "socket.io") {
  const { Server } = require("socket.io");
  const io = new Server(http, options);
  io.use((socket, next) => next(socket.handshake.auth.channel === 9 ? new Error("there is no channel 9") : undefined));
  let last;
  io.on("connection", (socket) => {
    last = socket;
    watch(socket.conn);
    socket.on("message", (message) => print({ message }));
    socket.on("echo", (...all) => socket.emit("echo-back", ...all));
    socket.on("ask", (...all) => all.pop()(...all));
    socket.on("disconnect", (reason) => print({ disconnected: reason }));
    print({ connected: { auth: socket.handshake.auth, transport: socket.conn.transport.name } });
  });
  commands = {
    message: (message) => last.emit("message", message),
    binary: (message) => last.emit("message", Buffer.from(JSON.stringify(message))),
    asked: async (message) => print({ acked: (await last.timeout(10000).emitWithAck("message", message)) ?? null }),
    question: async (bytes) => {
      const answer = await last.timeout(10000).emitWithAck("question", Buffer.from(bytes), { deep: [1] });
      print({ answer: Buffer.isBuffer(answer) ? [...answer] : answer });
    },
    leave: () => last.disconnect(false),
    close: () => last.disconnect(true),
    destroy: () => connections.forEach((connection) => connection.destroy()),
  };
} else {
  const engine = require("engine.io").attach(http, { ...options, path: "/socket.io/" });
  let last;
  engine.on("connection", (socket) => {
    last = socket;
    watch(socket);
    socket.on("close", (reason) => print({ disconnected: reason }));
    socket.on("message", (data) => {
      if (Buffer.isBuffer(data) || !data.startsWith("0")) return socket.send(data);
      socket.send('0{"sid":"engine"}');
      print({ connected: { auth: JSON.parse(data.slice(1)), transport: socket.transport.name } });
    });
  });
  commands = {
    message: (message) => last.send("2" + JSON.stringify(["message", message])),
    close: () => last.close(),
  };
}

http.listen(0, "127.0.0.1", () => print({ port: http.address().port }));
createInterface({ input: process.stdin })
  .on("line", (line) => Object.entries(JSON.parse(line)).forEach(([command, value]) => commands[command](value)))
  .on("close", () => process.exit(0));
