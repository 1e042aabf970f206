// Server-Sent Events on Node: Fastify with better-sse, and its channels.
//
//   node better-sse.mjs PORT
//
// GET /sse?channel=N subscribes; POST /publish?channel=N broadcasts the body, a JSON array, to everybody in the channel.
import { createChannel, createSession } from "better-sse";
import Fastify from "fastify";

const channels = new Map();
const channelOf = ({ query }) => {
  if (!channels.has(query.channel)) {
    channels.set(query.channel, createChannel());
  }
  return channels.get(query.channel);
};

// An idle connection is kept, as with the other servers.
const fastify = Fastify({ keepAliveTimeout: 0 });

fastify.get("/sse", async (request, reply) => {
  const session = await createSession(request.raw, reply.raw);
  channelOf(request).register(session);
  return reply.hijack();
});

fastify.post("/publish", async (request, reply) => {
  channelOf(request).broadcast(request.body);
  return reply.code(204).send();
});

await fastify.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
