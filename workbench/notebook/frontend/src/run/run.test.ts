import assert from "node:assert/strict";
import { test } from "node:test";
import type { Card } from "./card";
import { slowest } from "./demeaning";
import { History, INNER_COUNTS, type Count } from "./history";
import type { Line } from "../charts/cursor";
import { exponents, gapLines, reached } from "./lines";
import { Shown } from "./shown";
import type { Run } from "./store";

const rows = (...numbers: number[]): Float64Array => Float64Array.from(numbers.flatMap((number) => [number, 0, 0, 1, 0.1, NaN, 0.2, 10 * number]));
const chunk = (first: number, n: number): { first: number; n: number; width: number } => ({ first, n, width: 8 });

test("batches line up into columns", () => {
  const history = new History();
  assert.equal(history.append(chunk(0, 2), rows(0, 1)), "added");
  assert.equal(history.append(chunk(2, 1), rows(2)), "added");
  assert.deepEqual([...history.column("number")], [0, 1, 2]);
  assert.deepEqual([...history.column(0)], [0, 10, 20]);
});

test("a repeated batch is known and an overlapping one adds what is new", () => {
  const history = new History();
  history.append(chunk(0, 2), rows(0, 1));
  assert.equal(history.append(chunk(0, 2), rows(0, 1)), "known");
  assert.equal(history.append(chunk(1, 2), rows(1, 2)), "added");
  assert.deepEqual([...history.column("number")], [0, 1, 2]);
});

test("of many columns the slowest are drawn, in their own order", () => {
  const innerTrace = new History<Count>(INNER_COUNTS);
  const width = INNER_COUNTS.length + 6;
  innerTrace.append({ first: 0, n: 2, width }, Float64Array.from([0, 1, 1, 0, 1, 1e-3, 1, 1, 1, 0, 1, 1, 2, 0, 0.1, 1e-9, 0.5, 0.5, 0.5, 0]));
  assert.deepEqual([...innerTrace.column("number")], [1, 2]);
  assert.deepEqual(slowest({ innerTrace }, 6), [0, 1, 2, 3, 4]);
  assert.deepEqual(slowest({ innerTrace }, 2), [0, 1]);
});

test("a gap is noticed and a snapshot closes it", () => {
  const history = new History();
  history.append(chunk(0, 1), rows(0));
  assert.equal(history.append(chunk(5, 1), rows(5)), "gap");
  history.restore(chunk(0, 6), rows(0, 3, 5));
  assert.equal(history.append(chunk(6, 1), rows(6)), "added");
  assert.deepEqual([...history.column("number")], [0, 3, 5, 6]);
});

test("what has no logarithm is a gap", () => {
  assert.deepEqual([...exponents(Float64Array.of(100, 0, -1, Infinity, NaN))], [2, NaN, NaN, NaN, NaN]);
});

test("a new run takes the place of ended ones that nobody overlaid", () => {
  const card = (id: string, state: Card["state"]): [string, Card] => [id, { id, state } as Card];
  const cards = new Map([card("ended", "done"), card("kept", "done"), card("going", "running"), card("new", "running")]);
  const shown = new Shown(() => null);
  ["ended", "kept", "going"].forEach((id) => shown.add(id));
  shown.admit("new", cards, new Set(["kept"]));
  assert.deepEqual(shown.ids, ["kept", "going", "new"]);
});

test("a run stands at its own place, and only the later of two with one place moves", () => {
  const shown = new Shown((id) => ({ first: 3, second: 0, third: 3 })[id] ?? null);
  ["first", "second", "third"].forEach((id) => shown.add(id));
  assert.deepEqual([...shown.places], [["first", 3], ["second", 0], ["third", 1]]);
  shown.remove("first");
  assert.equal(shown.places.get("third"), 3);
});

test("a sixth run finds no place", () => {
  const shown = new Shown(() => null);
  ["a", "b", "c", "d", "e"].forEach((id) => shown.add(id));
  assert.equal(shown.add("f"), false);
});

/** A run of a mixed logit with fifty draws, with all of them, and with other modes. */
function withModes(objectives: number[], ...signs: string[]): Run {
  const history = new History();
  const steps = Float64Array.from(objectives.flatMap((objective, number) => [number, number, number, objective, 0.1, 0, 0.2, number / 10]));
  history.append(chunk(0, objectives.length), steps);
  const stage = (label: string, first: number, rough: boolean, other_mode: boolean): Card["stages"][number] => ({ label, first, steps: 2, loglik: null, rough, other_mode });
  const others = signs.map((label, index) => stage(label, 4 + 2 * index, false, true));
  const stages = [stage("50 draws", 0, true, false), stage("400 draws", 2, false, false), ...others];
  const card = { id: "one", name: "mixed", problem: "p", state: "done", observations: 1, decrement: null, parameters: ["sd.price"], stages } as unknown as Card;
  return { card, history, innerTrace: new History<Count>(INNER_COUNTS), received: 0 } as Run;
}

function near(line: Line): number[] {
  return [...line.y].map((exponent) => Math.round(10 ** exponent * 1e6) / 1e6);
}

test("each stage of draws falls to its own maximum, and another mode to that of all draws", () => {
  const [own, other, ...more] = gapLines([{ run: withModes([3, 1, 5, 2.5, 4, 2], "other sign of sd.price"), slot: 0 }], "steps");

  assert.deepEqual(near(own!), [2, 0, 3, 0.5]); // to 1 with fifty draws, to 2 with all of them
  assert.deepEqual(near(other!), [2, 0]);
  assert.deepEqual([...other!.x], [4, 5]);
  assert.deepEqual([own!.otherMode, other!.otherMode, other!.name, more], [undefined, 1, "mixed, other sign of sd.price", []]);
  assert.deepEqual(own!.stages, [{ at: 2, text: "400 draws" }, { at: 4, text: "other sign of sd.price" }]);
});

test("two other modes have separate lines", () => {
  const run = withModes([3, 1, 5, 2, 4, 3, 6, 4], "other sign of sd.price", "other sign of sd.time");

  const [, price, time] = gapLines([{ run, slot: 2 }], "steps");

  assert.deepEqual([[...price!.x], [...time!.x]], [[4, 5], [6, 7]]);
  assert.deepEqual([price!.otherMode, time!.otherMode, time!.slot], [1, 2, 2]);
});

test("a parameter is shown at the best mode", () => {
  assert.equal(reached(withModes([3, 1, 5, 2, 4, 3], "other sign of sd.price"), "sd.price"), 0.3);
  assert.equal(reached(withModes([3, 1, 5, 2.5, 4, 2], "other sign of sd.price"), "sd.price"), 0.5);
});

test("a parameter with several modes has no value while the objective of all draws is not finite", () => {
  assert.equal(reached(withModes([3, 1, NaN, NaN, NaN, NaN], "other sign of sd.price"), "sd.price"), undefined);
});
