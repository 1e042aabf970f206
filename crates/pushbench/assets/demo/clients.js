// The client of each technique, as a web application has it. Each tells its ear what it hears, and begins again behind the
// last event when its connection breaks.

const AGAIN_MS = 1000;

const query = (ear) => (ear.after === undefined ? 'channel=0' : `channel=0&after=${ear.after}`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** By slug: `(url, ear, pace)`; each runs for as long as the page. */
export const clients = {
  'short-polling': async (url, ear, pace) => {
    for (;;) {
      const begun = performance.now();
      await tried(ear, () => poll(url, ear));
      await pace.next(begun);
    }
  },
  'long-polling': async (url, ear) => {
    for (;;) await tried(ear, () => poll(url, ear));
  },
  'http-streaming-ndjson': async (url, ear) => {
    for (;;) {
      await tried(ear, () => readLines(url, ear));
      await pause(AGAIN_MS);
    }
  },
  'http-streaming-sse': (url, ear) => listen(url, ear),
  websocket: (url, ear) => converse(url, ear),
  socketio: (url, ear) => join(url, ear),
};

async function tried(ear, attempt) {
  try {
    await attempt();
  } catch (error) {
    ear.broke(error);
    await pause(AGAIN_MS);
  }
}

async function poll(url, ear) {
  const answer = await fetch(`${url}/events?${query(ear)}`, { cache: 'no-store' });
  const text = await answer.text();
  ear.opened();
  if (answer.status === 410) ear.after = undefined;
  else if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  const messages = text.split('\n').filter(Boolean);
  if (messages.length === 0) ear.heardNothing();
  else ear.heard(messages);
}

async function readLines(url, ear) {
  const answer = await fetch(`${url}/stream?${query(ear)}`, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  ear.opened();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    ear.heard(lines.filter(Boolean));
  }
}

function listen(url, ear) {
  const source = new EventSource(`${url}/stream?${query(ear)}`);
  source.onopen = () => ear.opened();
  source.onmessage = ({ data }) => ear.heard([data]);
  source.onerror = () => {
    // While it is CONNECTING, the browser itself tries again.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(url, ear), AGAIN_MS);
  };
}

function converse(url, ear) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?${query(ear)}`);
  socket.onopen = () => ear.opened();
  socket.onmessage = ({ data }) => ear.heard([data]);
  socket.onclose = ({ code, reason, wasClean }) => {
    ear.closed({ code, reason, clean: wasClean });
    setTimeout(() => converse(url, ear), AGAIN_MS);
  };
}

function join(url, ear) {
  const auth = (tell) => tell(ear.after === undefined ? { channel: 0 } : { channel: 0, after: ear.after });
  const socket = globalThis.io(url, { auth });
  socket.on('connect', () => ear.opened());
  // What the server ends, the library does not begin again by itself.
  socket.on('disconnect', (why) => why === 'io server disconnect' && setTimeout(() => socket.connect(), AGAIN_MS));
  socket.on('connect_error', (error) => ear.broke(error));
  socket.on('message', ([stamp]) => ear.heardStamps([stamp]));
}
