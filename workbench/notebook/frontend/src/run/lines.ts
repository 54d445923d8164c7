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

/** The last value of a parameter, or in a race of signs its value at the one that is ahead. */
export function reached(run: Run, name: string): number | undefined {
  const values = run.history.column(run.card.parameters.indexOf(name));
  if (!run.card.stages.some(({ race }) => race)) return values[lastFinite(values)];
  const from = rough(run);
  const objective = run.history.column("objective").subarray(from);
  const ahead = lowest(objective);
  return ahead < 0 ? undefined : values[from + ahead];
}

/** The gap to the expected maximum; runs of one problem share their reference. */
export function gapLines(placed: Placed[], axis: Axis): Line[] {
  const paths = new Map(placed.map((one) => [one, path(one.run, rough(one.run))]));
  return placed.flatMap((one) => {
    const rivals = placed.filter((other) => other.run.card.problem === one.run.card.problem);
    const to = reference(rivals.map((rival) => paths.get(rival)!));
    const y = exponents(joined([...roughGaps(one.run), gaps(paths.get(one)!, to)]));
    const [own, ...racing] = lines(one, y, axis);
    return [{ ...own!, stages: begins(one.run, axis) }, ...racing];
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

/** A run's own line, and beside it those of its other signs, which race it: each one apart from the next. */
function lines({ run, slot }: Placed, y: Float64Array, axis: Axis): Line[] {
  const [x, { card }] = [run.history.column(COLUMNS[axis]), run];
  const racing = card.stages.filter(({ race }) => race);
  if (!racing.length) return [{ slot, name: card.name, x, y }];
  const place = racers(run, racing);
  const own = { slot, name: card.name, x: x.filter((_, row) => !place[row]), y: y.filter((_, row) => !place[row]) };
  return [own, ...([1, 2] as const).flatMap((race) => {
    const labels = racing.filter((_, index) => 1 + (index % 2) === race).map(({ label }) => label);
    if (!labels.length) return [];
    const [from, end] = [place.indexOf(race), place.lastIndexOf(race) + 1];
    const apart = y.map((value, row) => (place[row] === race ? value : NaN)).slice(from, end);
    return [{ slot, race, name: `${card.name}, ${labels.join(", ")}`, x: x.slice(from, end), y: apart }];
  })];
}

/** Of each row the place of the race that it belongs to, 1 and 2 in turn; 0 of the run's own. */
function racers(run: Run, racing: Stage[]): number[] {
  const place = Array<number>(run.history.length).fill(0);
  racing.forEach((stage, index) => {
    const next = run.card.stages[run.card.stages.indexOf(stage) + 1];
    place.fill(1 + (index % 2), rowOf(run, stage.first), next ? rowOf(run, next.first) : place.length);
  });
  return place;
}
