import assert from "node:assert/strict";
import { test } from "node:test";
import { outline } from "./outline";

const steps = (count: number): Float64Array => Float64Array.from({ length: count }, (_, step) => step);

test("few points are left as they are", () => {
  const [x, y] = [steps(40), steps(40)];
  assert.deepEqual(outline(x, y, 10), [x, y]);
});

test("of many points the ends, the spike and the trough stay, in their order", () => {
  const y = new Float64Array(1000);
  [y[0], y[437], y[440], y[999]] = [3, 9, -9, 4];
  const [kept, values] = outline(steps(1000), y, 5);
  for (const at of [0, 437, 440, 999]) assert.equal(values[kept.indexOf(at)], y[at]);
  assert.ok(kept.length <= 4 * 5);
  assert.deepEqual([...kept].sort((one, other) => one - other), [...kept]);
});

test("a stretch without a finite value stays a gap", () => {
  const y = steps(1000).map((step) => (step >= 400 && step < 600 ? NaN : step));
  const values = outline(steps(1000), y, 5)[1];
  assert.equal(values.filter(Number.isNaN).length, 1);
});
