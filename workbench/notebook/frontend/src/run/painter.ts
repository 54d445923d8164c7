// When to draw: up to 12 times a second, and never more than a few per cent of one core.

const FAST = 80;
const SLOW = 1000;
const STILL = 1000;
/** The slow drawing is moved by up to this many milliseconds to share a frame with the fast one. */
const TOGETHER = 240;
/** Drawing may take this share of one core; beyond it, it rests this many times as long as it took. */
const SHARE = 0.04;
const REST = 25;
const WINDOW = 5000;

/** One kind of drawing: how long it rests at least, whether it is wanted, and what the last one cost. */
class Layer {
  wanted = false;
  cost = 0;
  last = -STILL;

  constructor(
    readonly draw: () => void,
    readonly rest: number,
    readonly leeway = 0,
  ) {}
}

/** Calls `fast` up to 12 times a second and `slow` once, while something is wanted. */
export class Painter {
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");
  private readonly spent: { at: number; cost: number }[] = [];
  private readonly layers: Layer[];
  private queued = 0;

  constructor(fast: () => void, slow: () => void) {
    this.layers = [new Layer(fast, FAST), new Layer(slow, SLOW, TOGETHER)];
  }

  /** Draw soon. */
  request(): void {
    this.layers.forEach((layer) => (layer.wanted = true));
    this.queue();
  }

  /** Draw all in the next frame: somebody pressed something. */
  answer(): void {
    this.layers.forEach((layer) => (layer.last = -STILL));
    this.request();
  }

  /** The share of one core that drawing took in the last seconds, between 0 and 1. */
  get share(): number {
    const since = performance.now() - WINDOW;
    while (this.spent[0] && this.spent[0].at < since) this.spent.shift();
    return this.spent.reduce((sum, { cost }) => sum + cost, 0) / WINDOW;
  }

  end(): void {
    window.clearTimeout(this.queued);
    this.queued = -1;
  }

  /** Wait for the first layer that is due; one that is asked for earlier moves the time forward. */
  private queue(): void {
    if (this.queued < 0) return;
    window.clearTimeout(this.queued);
    const dues = this.layers.filter(({ wanted }) => wanted).map((layer) => this.due(layer) + layer.leeway);
    const wait = Math.max(0, Math.min(...dues) - performance.now());
    this.queued = dues.length ? window.setTimeout(() => requestAnimationFrame(() => this.paint()), wait) : 0;
  }

  private paint(): void {
    if (this.queued < 0) return;
    const now = performance.now();
    const ready = this.layers.filter((layer) => layer.wanted && this.due(layer) - layer.leeway <= now);
    for (const layer of ready) {
      layer.wanted = false;
      layer.last = now;
      layer.draw();
    }
    if (ready.length) queueMicrotask(() => this.charge(ready, now)); // charts draw in microtasks of their own, before it
    this.queue();
  }

  private due({ last, cost, rest }: Layer): number {
    if (this.still.matches) return last + STILL;
    return last + (this.share < SHARE ? rest : Math.max(rest, Math.min(STILL, REST * cost)));
  }

  private charge(layers: Layer[], began: number): void {
    const cost = performance.now() - began;
    layers.forEach((layer) => (layer.cost = cost));
    this.spent.push({ at: began, cost });
  }
}
