import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Painter } from "./painter";

/** A page whose time passes by hand: timers and frames happen when the clock gets there. */
class Clock {
  now = 0;
  private timers: { id: number; at: number; work: () => void }[] = [];
  private small: (() => void)[] = [];
  private count = 0;

  constructor(still = false) {
    const later = (work: () => void, wait: number): number => {
      this.timers.push({ id: (this.count += 1), at: this.now + wait, work });
      return this.count;
    };
    const clearTimeout = (id: number): void => void (this.timers = this.timers.filter((timer) => timer.id !== id));
    Object.assign(globalThis, { window: { matchMedia: () => ({ matches: still }), setTimeout: later, clearTimeout } });
    Object.assign(globalThis, { requestAnimationFrame: (work: () => void) => later(work, 0), queueMicrotask: (work: () => void) => this.small.push(work) });
    mock.method(performance, "now", () => this.now);
  }

  /** Let time pass up to `end`; `each` is done every `every` milliseconds. */
  until(end: number, every = Infinity, each = (): void => undefined): void {
    for (let next = this.now; this.now < end; ) {
      const due = this.timers.reduce((first, { at }) => Math.min(first, at), Infinity);
      this.now = Math.max(this.now, Math.min(due, next, end));
      if (this.now >= next) [next] = [next + every, each()];
      const ready = this.timers.filter(({ at }) => at <= this.now);
      this.timers = this.timers.filter(({ at }) => at > this.now);
      ready.forEach(({ work }) => {
        work();
        while (this.small.length) this.small.shift()!();
      });
    }
  }
}

function drawn(clock: Clock, cost = 0): { fast: number[]; slow: number[]; painter: Painter } {
  const [fast, slow]: number[][] = [[], []];
  const draw = (times: number[]) => (): void => {
    times.push(clock.now);
    queueMicrotask(() => (clock.now += cost)); // as charts do
  };
  return { fast: fast!, slow: slow!, painter: new Painter(draw(fast!), draw(slow!)) };
}

test("steps four times a second are drawn as they come, and the slow once a second with them", () => {
  const clock = new Clock();
  const { fast, slow, painter } = drawn(clock);
  clock.until(4040, 252, () => painter.request()); // a batch is a little late each time
  assert.equal(fast.length, 17);
  assert.ok(slow.length >= 4 && slow.length <= 6);
  assert.ok(slow.every((at) => fast.includes(at)));
});

test("what comes faster than the eye can follow is drawn twelve times a second", () => {
  const clock = new Clock();
  const { fast, painter } = drawn(clock);
  clock.until(2000, 10, () => painter.request());
  assert.ok(fast.length >= 20 && fast.length <= 26);
});

test("the last change is drawn by both, and then nothing more", () => {
  const clock = new Clock();
  const { fast, slow, painter } = drawn(clock);
  painter.request();
  clock.until(10);
  painter.request();
  clock.until(5000);
  assert.deepEqual([fast.length, slow.length], [2, 2]);
});

test("drawing that takes long is done more seldom", () => {
  const clock = new Clock();
  const { fast, painter } = drawn(clock, 30);
  clock.until(20_000, 50, () => painter.request());
  assert.ok(painter.share < 0.12);
  assert.ok(fast.length < 40);
});

test("with reduced motion all is drawn once a second, and at once when somebody asks", () => {
  const clock = new Clock(true);
  const { fast, slow, painter } = drawn(clock);
  clock.until(3000, 100, () => painter.request());
  assert.ok(fast.length <= 4 && slow.length <= 4);
  const before = slow.length;
  painter.answer();
  clock.until(3010);
  assert.equal(slow.length, before + 1);
});
