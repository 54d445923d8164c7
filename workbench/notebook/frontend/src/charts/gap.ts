// The gap to the expected maximum: how far each step is from the best value expected of the runs.

export interface Path {
  /** Mean negative log-likelihood of each step, in nats per observation. */
  objective: Float64Array;
  /** Newton decrement g'H⁻¹g of the total log-likelihood at each step, NaN where unknown. */
  decrement: Float64Array;
  observations: number;
  /** Whether the run goes on, or was stopped; then a small gain does not mean that the end is near. */
  going?: boolean;
}

/** Steps over which the gain is measured where no decrement tells the distance. */
const WINDOW = 20;
/** Without a decrement, a run that goes on is expected to gain this many times what its last window gained. */
const WINDOWS_AHEAD = 10;
/** Nats per row that a run is expected to gain before its second step. */
const FIRST_GAIN = 1;

/**
 * The expected minimum: the best value of any run, less half that run's Newton decrement.  Without
 * a decrement the gains of a run that goes on, or was stopped, are extrapolated, to ten times those of its last
 * twenty steps at least, and one that has ended otherwise gains its last gain once more.  Rounding sets the
 * least distance, so that the best run's last point can be drawn on a log axis.
 */
export function reference(paths: Path[]): number {
  let best = Infinity;
  let expected = 0;
  for (const path of paths) {
    const at = lowest(path.objective);
    if (at < 0 || path.objective[at]! >= best) continue;
    best = path.objective[at]!;
    expected = expectedGain(path, at);
  }
  return best - Math.max(expected, Number.EPSILON * Math.max(1, Math.abs(best)));
}

/** The distance of each step to the reference, NaN where the objective is not finite. */
export function gaps(path: Path, to: number): Float64Array {
  return path.objective.map((value) => (Number.isFinite(value) && value > to ? value - to : NaN));
}

/** The last position of the lowest finite value, −1 without one. */
export function lowest(values: Float64Array): number {
  let at = -1;
  values.forEach((value, index) => {
    if (Number.isFinite(value) && (at < 0 || value <= values[at]!)) at = index;
  });
  return at;
}

function expectedGain(path: Path, at: number): number {
  const [here = NaN, final = NaN] = [path.decrement[at], path.decrement.at(-1)];
  const decrement = here >= 0 || path.going ? here : final;
  if (decrement >= 0) return decrement / 2 / path.observations;
  if (!path.going) return gainBefore(path.objective, at, 1);
  return at === 0 ? FIRST_GAIN : Math.max(remainingGain(path.objective, at), WINDOWS_AHEAD * gainBefore(path.objective, at, WINDOW));
}

/** The gains still to come if they go on to shrink as from the second third to the last. */
function remainingGain(values: Float64Array, at: number): number {
  const third = Math.max(1, Math.floor(at / 3));
  const late = gainBefore(values, at, third);
  const ratio = late / gainBefore(values, at - third, third);
  return late * (ratio < WINDOWS_AHEAD / (WINDOWS_AHEAD + 1) ? ratio / (1 - ratio) : WINDOWS_AHEAD);
}

/** By how much the value at `at` is below the best value until `steps` steps before. */
function gainBefore(values: Float64Array, at: number, steps: number): number {
  const before = values.subarray(0, Math.max(Math.min(at, 1), at - steps + 1));
  const best = lowest(before);
  return best < 0 ? 0 : Math.max(before[best]! - values[at]!, 0);
}
