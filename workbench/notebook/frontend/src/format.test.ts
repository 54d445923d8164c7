import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, figure, fixed, power, seconds } from "./format";

test("minus is U+2212 and thousands take commas", () => {
  assert.equal(fixed(-436722192.123, 2), "−436,722,192.12");
  assert.equal(fixed(-0.001, 2), "0.00");
});

test("small and large numbers are written with a power of ten", () => {
  assert.equal(figure(5.7e-6), "5.7 × 10⁻⁶");
  assert.equal(figure(-2.5e7), "−2.5 × 10⁷");
  assert.equal(fixed(-3.4e60, 2), "−3.4 × 10⁶⁰");
  assert.equal(power(-12), "10⁻¹²");
});

test("what is not finite is blank", () => {
  assert.deepEqual([NaN, Infinity, null, undefined].map((value) => figure(value)), ["", "", "", ""]);
});

test("durations read as seconds, then as a clock", () => {
  assert.deepEqual([0.02, 12.3, 65, 3725].map(seconds), ["0.02 s", "12.3 s", "1:05", "1:02:05"]);
  assert.deepEqual([2.2, 59.99, 65].map(clock), ["0:02.2", "0:59.9", "1:05"]);
});
