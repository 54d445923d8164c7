// From the histories of the shown runs to the lines of the charts.
import type { Line } from "../charts/chart";
import { gaps, reference, type Path } from "../charts/gap";
import type { Figure } from "./history";
import { isGoing } from "./card";
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
  return placed.map((one) => line(one, exponents(one.run.history.column(figure)), axis));
}

/** A parameter, by name, of every run that has it. */
export function parameterLines(placed: Placed[], name: string): Line[] {
  return placed
    .map((one) => ({ one, at: one.run.card.parameters.indexOf(name) }))
    .filter(({ at }) => at >= 0)
    .map(({ one, at }) => line(one, one.run.history.column(at), "steps"));
}

/** The gap to the expected maximum; runs of one problem share their reference. */
export function gapLines(placed: Placed[], axis: Axis): Line[] {
  const paths = new Map(placed.map((one) => [one, path(one.run)]));
  return placed.map((one) => {
    const rivals = placed.filter((other) => other.run.card.problem === one.run.card.problem);
    const to = reference(rivals.map((rival) => paths.get(rival)!));
    return line(one, exponents(gaps(paths.get(one)!, to)), axis);
  });
}

function path({ card, history }: Run): Path {
  const decrement = history.column("decrement");
  if (card.decrement !== null && decrement.length) {
    const end = decrement.length - 1;
    if (Number.isNaN(decrement[end]!)) decrement[end] = card.decrement;
  }
  return { objective: history.column("objective"), decrement, observations: card.observations || 1, going: isGoing(card) };
}

function line({ run, slot }: Placed, y: Float64Array, axis: Axis): Line {
  return { slot, name: run.card.name, x: run.history.column(COLUMNS[axis]), y };
}
