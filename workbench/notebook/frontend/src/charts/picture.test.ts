import assert from "node:assert/strict";
import { test } from "node:test";
import { alike, type Picture } from "./picture";

const line = (last: number, y = 1): Picture => ({ shape: "one line", x: [0, last], y: [0, 4], ends: [{ x: last, y }] });

test("a step of a thousand is not seen on five hundred pixels, and one of a hundred is", () => {
  assert.ok(alike(line(1000), line(1000.9), 500, 100));
  assert.ok(!alike(line(100), line(101), 500, 100));
});

test("an end that moves up or down is seen", () => {
  assert.ok(alike(line(1000, 1), line(1000, 1.01), 500, 100));
  assert.ok(!alike(line(1000, 1), line(1000, 1.1), 500, 100));
});

test("another shape is seen, and a line without points stays alike", () => {
  assert.ok(!alike(line(1000), { ...line(1000), shape: "two lines" }, 500, 100));
  assert.ok(alike(line(NaN, NaN), line(NaN, NaN), 500, 100));
  assert.ok(!alike(line(NaN, NaN), line(10), 500, 100));
});
