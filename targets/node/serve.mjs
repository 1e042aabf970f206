// What the example servers have in common: POST /publish?channel=N hands channel and body to `publish`; anything else is
// `other`'s. Listens at the port that the command names.
import { createServer } from "node:http";

export const channelOf = (request) => new URL(request.url, "http://localhost").searchParams.get("channel");

export function serve(publish, other = (request, response) => response.writeHead(404).end()) {
  const server = createServer((request, response) => {
    if (request.method !== "POST" || !request.url.startsWith("/publish")) return other(request, response);
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      await publish(channelOf(request), Buffer.concat(chunks).toString());
      response.writeHead(204).end();
    });
  });
  // An idle connection is kept, as with the other servers.
  server.keepAliveTimeout = 0;
  return server;
}

export const listen = (server) => server.listen(Number(process.argv[2]), "127.0.0.1");
