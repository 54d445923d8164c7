// From the histories of the shown runs to the lines of the charts.
import { lastFinite, type Line } from "../charts/cursor";
import { gaps, lowest, reference, type Path } from "../charts/gap";
import type { Figure } from "./history";
import { isGoing, type Stage } from "./card";
import type { Run } from "./store";

export type Axis = "steps" | "seconds" | "evaluations";
export const AXES: Axis[] = ["steps", "seconds", "evaluations"];
const COLUMNS: Record<Axis, Figure> = { steps: "number", seconds: "seconds", evaluations: "evaluations" };
export const AXIS_NAMES: Record<Axis, string> = { steps: "step", seconds: "seconds", evaluations: "evaluation" };

/** A run with its place on the charts. */
export interface Placed {
  run: Run;
  slot: number;
}

/** Base-10 logarithms; what is not positive becomes a gap. */
export function exponents(values: Float64Array): Float64Array {
  return values.map((value) => (value > 0 && Number.isFinite(value) ? Math.log10(value) : NaN));
}

/** A figure of every run on a log axis. */
export function figureLines(placed: Placed[], figure: Figure, axis: Axis): Line[] {
  return placed.flatMap((one) => lines(one, exponents(one.run.history.column(figure)), axis));
}

/** A parameter, by name, of every run that has it. */
export function parameterLines(placed: Placed[], name: string): Line[] {
  return placed
    .map((one) => ({ one, at: one.run.card.parameters.indexOf(name) }))
    .filter(({ at }) => at >= 0)
    .flatMap(({ one, at }) => lines(one, one.run.history.column(at), "steps"));
}

/** The last value of a parameter, or with several modes its value at the best one. */
export function reached(run: Run, name: string): number | undefined {
  const values = run.history.column(run.card.parameters.indexOf(name));
  if (!run.card.stages.some((stage) => stage.other_mode)) return values[lastFinite(values)];
  const from = rough(run);
  const objective = run.history.column("objective").subarray(from);
  const ahead = lowest(objective);
  return ahead < 0 ? undefined : values[from + ahead];
}

/** The gap to the expected maximum; runs of one problem share their reference. */
export function gapLines(placed: Placed[], axis: Axis): Line[] {
  const paths = new Map(placed.map((one) => [one, path(one.run, rough(one.run))]));
  return placed.flatMap((one) => {
    const comparable = placed.filter((other) => other.run.card.problem === one.run.card.problem);
    const to = reference(comparable.map((other) => paths.get(other)!));
    const y = exponents(joined([...roughGaps(one.run), gaps(paths.get(one)!, to)]));
    const [own, ...others] = lines(one, y, axis);
    return [{ ...own!, stages: begins(one.run, axis) }, ...others];
  });
}

/** How many of a run's rows belong to stages of fewer draws, which come first. */
function rough(run: Run): number {
  const whole = run.card.stages.find((stage) => !stage.rough);
  return whole ? rowOf(run, whole.first) : run.card.stages.length ? run.history.length : 0;
}

/** The gaps of the stages of fewer draws, each to the maximum of its own log-likelihood. */
function roughGaps(run: Run): Float64Array[] {
  const stages = run.card.stages.filter((stage) => stage.rough);
  const end = rough(run);
  return stages.map((stage, index) => {
    const next = stages[index + 1];
    const part = path(run, rowOf(run, stage.first), next ? rowOf(run, next.first) : end);
    return gaps(part, reference([part]));
  });
}

function joined(parts: Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** Where the stages after the first begin on the horizontal axis, with their words. */
function begins(run: Run, axis: Axis): { at: number; text: string }[] {
  const x = run.history.column(COLUMNS[axis]);
  const later = run.card.stages.slice(1).map(({ first, label }) => ({ at: x[rowOf(run, first)] ?? NaN, text: label }));
  return later.filter(({ at }) => Number.isFinite(at));
}

/** The row of a step, or of the first one after it. */
function rowOf({ history }: Run, step: number): number {
  const row = history.column("number").findIndex((number) => number >= step);
  return row < 0 ? history.length : row;
}

function path({ card, history }: Run, from = 0, to = history.length): Path {
  const decrement = history.column("decrement").slice(from, to);
  const going = (isGoing(card) || card.state === "stopped") && to === history.length;
  if (card.decrement !== null && decrement.length && to === history.length) {
    const end = decrement.length - 1;
    if (Number.isNaN(decrement[end]!)) decrement[end] = card.decrement;
  }
  return { objective: history.column("objective").slice(from, to), decrement, observations: card.observations || 1, going };
}

/** The main line of a run, and separate lines for its other modes. */
function lines({ run, slot }: Placed, y: Float64Array, axis: Axis): Line[] {
  const [x, { card }] = [run.history.column(COLUMNS[axis]), run];
  const others = card.stages.filter((stage) => stage.other_mode);
  if (!others.length) return [{ slot, name: card.name, x, y }];
  const mode = modeOf(run, others);
  const own = { slot, name: card.name, x: x.filter((_, row) => !mode[row]), y: y.filter((_, row) => !mode[row]) };
  return [own, ...([1, 2] as const).flatMap((otherMode) => {
    const labels = others.filter((_, index) => 1 + (index % 2) === otherMode).map(({ label }) => label);
    if (!labels.length) return [];
    const [from, end] = [mode.indexOf(otherMode), mode.lastIndexOf(otherMode) + 1];
    const apart = y.map((value, row) => (mode[row] === otherMode ? value : NaN)).slice(from, end);
    return [{ slot, otherMode, name: `${card.name}, ${labels.join(", ")}`, x: x.slice(from, end), y: apart }];
  })];
}

/** For each row the line of its mode, 1 and 2 in turn; 0 for the main line. */
function modeOf(run: Run, others: Stage[]): number[] {
  const mode = Array<number>(run.history.length).fill(0);
  others.forEach((stage, index) => {
    const next = run.card.stages[run.card.stages.indexOf(stage) + 1];
    mode.fill(1 + (index % 2), rowOf(run, stage.first), next ? rowOf(run, next.first) : mode.length);
  });
  return mode;
}
