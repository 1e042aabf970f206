// Faye: publish and subscribe by the Bayeux protocol.
import faye from "faye";
import { listen, serve } from "./serve.mjs";

const bayeux = new faye.NodeAdapter({ mount: "/faye", timeout: 45 });
const server = serve((channel, body) => bayeux.getClient().publish(`/channel/${channel}`, JSON.parse(body)));
bayeux.attach(server);
listen(server);
