// better-sse: Server-Sent Events to channels.
import { createChannel, createSession } from "better-sse";
import { channelOf, listen, serve } from "./serve.mjs";

const channels = new Map();
const at = (name) => channels.get(name) ?? channels.set(name, createChannel()).get(name);

const publish = (channel, body) => at(channel).broadcast(JSON.parse(body), "message");
const subscribe = async (request, response) => at(channelOf(request)).register(await createSession(request, response));
listen(serve(publish, subscribe));
