// The official clients. They read commands from standard input and print events, each a line of JSON. Arguments: `socket.io`
// or `engine.io`, the server's address, and the transports: polling, upgrade or websocket. AUTHORITY holds the certificate
// to trust, if any. Binary data is printed as {"bytes":[…]}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.PACKAGES);
const [, , which, address, way] = process.argv;
const print = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const transports = { polling: ["polling"], upgrade: ["polling", "websocket"], websocket: ["websocket"] }[way];
const options = { transports, ca: process.env.AUTHORITY, reconnectionDelay: 10, reconnectionDelayMax: 50 };

const isBinary = (value) => Buffer.isBuffer(value) || value instanceof ArrayBuffer || ArrayBuffer.isView(value);
const shown = (value) => {
  if (isBinary(value)) return { bytes: [...new Uint8Array(value)] };
  if (Array.isArray(value)) return value.map(shown);
  if (value === null || typeof value !== "object") return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
};
const meant = (value) => {
  if (Array.isArray(value)) return value.map(meant);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.bytes)) return Buffer.from(value.bytes);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, meant(inner)]));
};

let commands;

if (which === "socket.io") {
  const { Manager } = require("socket.io-client");
  const manager = new Manager(address, options);
  let socket;
  const watch = (engine) => {
    print({ opened: engine.transport.name });
    engine.on("upgrade", ({ name }) => print({ upgraded: name }));
  };
  manager.on("open", () => watch(manager.engine));
  manager.on("ping", () => print({ ping: true }));
  commands = {
    // Begins behind what was received, as its `auth` says at each connection.
    join: ({ namespace, auth }) => {
      let after;
      socket = manager.socket(namespace, { auth: (say) => say(after === undefined ? auth : { ...auth, after }) });
      socket.onAny((event, ...all) => {
        if (event === "message") after = parseInt(all[0][0].slice(0, 8), 16);
        print({ event: [event, ...shown(all)] });
      });
      socket.on("connect", () => print({ joined: namespace }));
      socket.on("connect_error", ({ message }) => print({ refused: message }));
      socket.on("disconnect", (reason) => print({ disconnected: reason }));
      socket.connect();
    },
    emit: (all) => socket.emit(...meant(all)),
    ask: (all) => {
      const answered = (error, ...answer) => print({ acknowledged: error ? String(error) : shown(answer) });
      socket.timeout(10000).emit(...meant(all), answered);
    },
    cut: () => manager.engine.close(),
    leave: () => socket.disconnect(),
  };
} else {
  const { Socket } = require("engine.io-client");
  const engine = new Socket(address, { ...options, path: "/engine.io" });
  engine.binaryType = "nodebuffer";
  engine.on("open", () => print({ opened: engine.transport.name }));
  engine.on("upgrade", ({ name }) => print({ upgraded: name }));
  engine.on("ping", () => print({ ping: true }));
  engine.on("message", (data) => print({ message: shown(data) }));
  engine.on("close", (reason) => print({ disconnected: reason }));
  commands = { send: (data) => engine.send(meant(data)) };
}

createInterface({ input: process.stdin })
  .on("line", (line) => Object.entries(JSON.parse(line)).forEach(([command, value]) => commands[command](value)))
  .on("close", () => process.exit(0));
