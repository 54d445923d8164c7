// The steps of one run as the page holds them: rows of numbers that arrive in batches.

/** The figures of a step, in the order of the columns; the parameters follow them. */
const FIGURES = ["number", "seconds", "evaluations", "objective", "gradient", "decrement", "step"] as const;
export type Figure = (typeof FIGURES)[number];

/** More rows than this, and the page asks Python for a thinned snapshot. */
const MOST_ROWS = 6000;

export interface Chunk {
  first: number;
  n: number;
  width: number;
  decimated?: boolean;
}
type Appended = "added" | "known" | "gap" | "full";

/** The counts of an iteration of demeaning; the residuals of the columns follow them. */
export const INNER_COUNTS = ["position", "round", "number", "seconds"] as const;
export type Count = (typeof INNER_COUNTS)[number];

/** Rows of one run; `through` is the number of steps they cover, thinned or not. */
export class History<F extends string = Figure> {
  through = 0;
  length = 0;
  width: number;
  private rows = new Float64Array(0);
  private readonly columns = new Map<number, Float64Array>();

  constructor(private readonly figures: readonly string[] = FIGURES) {
    this.width = figures.length;
  }

  /** Replace everything by a snapshot. */
  restore(chunk: Chunk, values: Float64Array): void {
    this.width = chunk.width;
    this.length = 0;
    this.through = 0;
    this.extend(values);
    this.through = chunk.first + chunk.n;
  }

  /** Add a batch; returns whether it was added, known already, follows a gap, or makes more than `MOST_ROWS` rows. */
  append(chunk: Chunk, values: Float64Array): Appended {
    if (this.length && chunk.width !== this.width) return "gap";
    if (chunk.first > this.through) return "gap";
    const overlap = this.through - chunk.first;
    if (overlap >= chunk.n) return "known";
    if (overlap && chunk.decimated) return "gap";
    this.width = chunk.width;
    this.extend(values.subarray(overlap * chunk.width));
    this.through = chunk.first + chunk.n;
    return this.length > MOST_ROWS ? "full" : "added";
  }

  /** One column, by the name of a figure or the position of a parameter; the same one until rows arrive. */
  column(which: F | number): Float64Array {
    const at = this.at(which);
    const values = this.columns.get(at) ?? this.read(at);
    this.columns.set(at, values);
    return values;
  }

  /** The newest value of a column; NaN before the first step. */
  last(which: F | number): number {
    const at = this.at(which);
    return this.length && at < this.width ? this.rows[(this.length - 1) * this.width + at]! : NaN;
  }

  private at(which: F | number): number {
    return typeof which === "number" ? this.figures.length + which : this.figures.indexOf(which);
  }

  private read(at: number): Float64Array {
    const values = new Float64Array(this.length);
    if (at >= this.width) return values.fill(NaN);
    for (let row = 0; row < this.length; row += 1) values[row] = this.rows[row * this.width + at]!;
    return values;
  }

  private extend(values: Float64Array): void {
    this.columns.clear();
    const used = this.length * this.width;
    if (used + values.length > this.rows.length) {
      const larger = new Float64Array(2 * (used + values.length));
      larger.set(this.rows.subarray(0, used));
      this.rows = larger;
    }
    this.rows.set(values, used);
    this.length += Math.floor(values.length / this.width);
  }
}

/** The numbers of a message's buffer, copied so that any alignment will do. */
export function numbers(buffer: DataView): Float64Array {
  const whole = buffer.byteLength - (buffer.byteLength % Float64Array.BYTES_PER_ELEMENT);
  return new Float64Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + whole) as ArrayBuffer);
}
