// When to draw: as often as the eye can follow, and never more than a few per cent of one core.

const FAST = 80;
const SLOW = 500;
const STILL = 1000;
/** Waiting this many times as long as the last drawing took keeps its cost near 4 % of one core. */
const REST = 25;
const WINDOW = 5000;

/** Calls `fast` up to 12 times a second and `slow` up to twice, while something is wanted. */
export class Painter {
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");
  private readonly spent: { at: number; cost: number }[] = [];
  private queued = 0;
  private lastFast = -STILL;
  private lastSlow = -STILL;
  private fastCost = 0;
  private slowCost = 0;
  private late = false;

  constructor(
    private readonly fast: () => void,
    private readonly slow: () => void,
  ) {}

  /** Draw soon. */
  request(): void {
    if (this.queued) return;
    const wait = Math.max(0, this.lastFast + this.pause(FAST, this.fastCost) - performance.now());
    this.queued = window.setTimeout(() => requestAnimationFrame(() => this.paint()), wait);
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

  private paint(): void {
    if (this.queued < 0) return;
    this.queued = 0;
    this.lastFast = performance.now();
    this.fastCost = this.timed(this.fast);
    this.late = this.lastFast - this.lastSlow < this.pause(SLOW, this.slowCost);
    if (this.late) return this.request();
    this.lastSlow = this.lastFast;
    this.slowCost = this.timed(this.slow);
  }

  private pause(usual: number, cost: number): number {
    return this.still.matches ? STILL : Math.max(usual, Math.min(STILL, REST * cost));
  }

  private timed(work: () => void): number {
    const before = performance.now();
    work();
    const at = performance.now();
    this.spent.push({ at, cost: at - before });
    return at - before;
  }
}
