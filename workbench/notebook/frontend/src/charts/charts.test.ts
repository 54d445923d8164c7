import assert from "node:assert/strict";
import { test } from "node:test";
import { gaps, reference, type Path } from "./gap";
import { apart, around, decadeLabels, decadeTicks, evenLabels, evenTicks, wholeTicks } from "./ticks";

const path = (objective: number[], decrement: number[] = []): Path => ({
  objective: Float64Array.from(objective),
  decrement: Float64Array.from(objective, (_, index) => decrement[index] ?? NaN),
  observations: 100,
});

test("the reference is the best value less half that run's decrement per observation", () => {
  const [leader, other] = [path([2, 1], [NaN, 4]), path([3, 1.5])];
  assert.ok(Math.abs(reference([leader, other]) - (1 - 4 / 2 / 100)) < 1e-15);
});

test("without a decrement the last gain takes its place", () => {
  assert.equal(reference([path([2, 1.75])]), 1.5);
});

test("a run that goes on without a decrement never looks converged", () => {
  const slow = { ...path(Array.from({ length: 400 }, (_, step) => 1 + 0.99 ** step)), going: true };
  const distances = gaps(slow, reference([slow]));
  assert.ok(distances.every((distance, step) => distance >= slow.objective[step]! - 1));
});

test("a run that gains as much as ever stays far from its reference", () => {
  const steady = { ...path(Array.from({ length: 400 }, (_, step) => 1 - step / 1000)), going: true };
  const distances = gaps(steady, reference([steady]));
  assert.ok(distances.at(-1)! > distances[0]! / 2);
});

test("the leader's last point has a place on a log axis even when rounding hides the rest", () => {
  const leader = path([1, 0.5], [1, 1e-24]);
  assert.ok(gaps(leader, reference([leader]))[1]! > 0);
});

test("steps that are not finite are gaps in the line", () => {
  const broken = path([1, Infinity, NaN, 0.5]);
  assert.deepEqual([...gaps(broken, 0)].map(Number.isFinite), [true, false, false, true]);
});

test("ticks of steps are whole and few", () => {
  assert.deepEqual(wholeTicks(0, 12, 4), [0, 3, 6, 9, 12]);
  assert.deepEqual(wholeTicks(0, 1_000_000, 5), [0, 200000, 400000, 600000, 800000, 1000000]);
});

test("a log axis shows decades, and twos and fives where there is hardly one", () => {
  assert.deepEqual(decadeLabels(decadeTicks(-8.2, 0.1, 5)), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
  assert.deepEqual(decadeLabels(decadeTicks(-1.4, -0.6, 5)), ["0.05", "0.1", "0.2"]);
});

test("even labels have as many decimals as tell them apart", () => {
  const ticks = evenTicks(0.12, 0.21, 4);
  assert.deepEqual(evenLabels(ticks, 0.025), ["0.125", "0.150", "0.175", "0.200"]);
});

test("a constant gets room on both sides", () => {
  assert.deepEqual(around(1, 1), [0.95, 1.05]);
  assert.deepEqual(around(0, 0, 1.2), [-0.6, 0.6]);
});

test("names at the line ends keep apart and stay above the axis", () => {
  assert.deepEqual(apart([10, 12, 40], 13, 100), [10, 23, 40]);
  assert.deepEqual(apart([80, 95, 96], 13, 100), [74, 87, 100]);
});
