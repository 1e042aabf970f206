// graphql-ws: a GraphQL subscription by the protocol graphql-transport-ws.
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { EventEmitter, on } from "node:events";
import { WebSocketServer } from "ws";
import { listen, serve } from "./serve.mjs";

const events = new EventEmitter().setMaxListeners(0);
const message = { type: GraphQLString, args: { channel: { type: GraphQLString } } };
async function* subscribe(_, { channel }) {
  for await (const [text] of on(events, `channel ${channel}`)) yield { message: text };
}
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { hello: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({ name: "Subscription", fields: { message: { ...message, subscribe } } }),
});

const server = serve((channel, body) => events.emit(`channel ${channel}`, body));
useServer({ schema }, new WebSocketServer({ server, path: "/graphql" }));
listen(server);
