// The lines of a chart with their points, and the interface of a chart with a cursor.

/** One run's points: `y` in the chart's own unit; NaN makes a gap. */
export interface Line {
  slot: number;
  /** For another mode of the run: which of the two further lines it is; drawn thinner. */
  otherMode?: 1 | 2;
  name: string;
  x: Float64Array;
  y: Float64Array;
  /** Where something new begins, with its words. */
  stages?: { at: number; text: string }[];
}

/** A chart as the keyboard knows it. */
export interface WithCursor {
  readonly element: HTMLElement;
  readonly options: { title: string; unit: string; log: boolean };
  readonly lines: Line[];
  readonly xName: string;
  /** The value as people read it. */
  value(line: Line, index: number): number;
  /** Put the cursor on a horizontal value. */
  moveCursor(x: number): void;
  hideCursor(): void;
  /** How far a horizontal value stands from the left, in pixels. */
  leftOf(x: number): number;
}

/** The position of the last finite value, -1 when there is none. */
export function lastFinite(values: Float64Array): number {
  let at = values.length - 1;
  while (at >= 0 && !Number.isFinite(values[at]!)) at -= 1;
  return at;
}
