// A technique's track: each event as a line from when it was sent (upper rail) to when it arrived (lower rail).

const TOP = 3;
const BOTTOM = 5;
/** The time shown: ten seconds on a wide track, five on a phone's. */
const SPAN_MS = (width) => (width < 480 ? 5000 : 10_000);

export class Track {
  constructor(canvas) {
    this.canvas = canvas;
    this.arrivals = [];
  }

  /** Adds pairs of times, sent and received, in ms. */
  add(pairs) {
    for (let at = 0; at < pairs.length; at += 2) this.arrivals.push([pairs[at], pairs[at + 1]]);
  }

  draw(now_ms, stall) {
    const { width, height, context } = this.fitted();
    const span_ms = SPAN_MS(width);
    const x = (at_ms) => width - ((now_ms - at_ms) / span_ms) * width;
    this.forget(now_ms - span_ms);
    context.clearRect(0, 0, width, height);
    if (stall) this.shade(context, x(stall.from_ms), x(Math.min(stall.until_ms, now_ms)), height);
    this.rails(context, width, height, now_ms, x);
    this.lines(context, height, x);
  }

  /** The canvas at the screen's own resolution. */
  fitted() {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const scale = globalThis.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext('2d');
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return { width, height, context };
  }

  forget(before_ms) {
    const kept = this.arrivals.findIndex(([, received]) => received >= before_ms);
    this.arrivals.splice(0, kept < 0 ? this.arrivals.length : kept);
  }

  shade(context, from, until, height) {
    context.fillStyle = colour('--stall');
    context.fillRect(from, 0, until - from, height);
  }

  rails(context, width, height, now_ms, x) {
    context.fillStyle = colour('--line');
    const second = Math.floor(now_ms / 1000) * 1000;
    for (let at_ms = second; x(at_ms) > 0; at_ms -= 1000) context.fillRect(Math.round(x(at_ms)), TOP, 1, height - TOP - BOTTOM);
    context.fillStyle = colour('--rail');
    context.fillRect(0, TOP, width, 1);
    context.fillRect(0, height - BOTTOM, width, 1);
  }

  lines(context, height, x) {
    const ink = getComputedStyle(this.canvas).color;
    const [from, to] = [TOP + 1, height - BOTTOM];
    let last = [-9, -9];
    context.beginPath();
    context.fillStyle = ink;
    for (const [sent, received] of this.arrivals) {
      const [above, below] = [x(sent), x(received)];
      // Lines that cannot be distinguished are drawn once.
      if (Math.abs(above - last[0]) < 0.4 && Math.abs(below - last[1]) < 0.4) continue;
      last = [above, below];
      context.moveTo(above, from);
      context.lineTo(below, to);
      context.fillRect(below - 1.5, to - 1, 3, 5);
    }
    context.strokeStyle = ink;
    context.globalAlpha = 0.75;
    context.lineWidth = 1.1;
    context.stroke();
    context.globalAlpha = 1;
  }
}

let colours = new Map();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (colours = new Map()));

function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colours.get(name);
}
