// What Python says the Results page shows.

export interface RunRow {
  id: string;
  name: string;
  model: string;
  /** The name of its data, and its formula: they distinguish runs of one name. */
  data: string;
  formula: string;
  status_label: string;
  state: string;
  tone: string;
  n: string;
  loglik: string;
  sentence: string;
  starred: boolean;
  /** The look of its line; null until it has one. */
  series: number | null;
  comparable: boolean;
  reason: string;
  resumable: boolean;
}

/** A number cut into what aligns, the stars or bracket after it, and hidden digits. */
export type Cell = [core: string, tail: string, padding: string];

export interface TableRow {
  label: string;
  name: boolean;
  kind: "estimate" | "error" | "fact" | "text";
  cells: Cell[];
}

export interface Table {
  heads: string[];
  subheads: string[];
  corner: string;
  sections: TableRow[][];
  note: string;
}

export interface Exports {
  html: string;
  text: string;
  latex: string;
  markdown: string;
  csv: string;
}

export interface DiagnosticsRow {
  status_label: string;
  tone: string;
  decrement: string;
  eigenvalues: number[];
  flat: boolean;
  condition: string;
  ratio: string;
  finding: string;
}

export interface Point {
  estimate: number;
  low: number | null;
  high: number | null;
  scale: number | null;
}

export interface Coefficient {
  name: string;
  points: (Point | null)[];
}

export interface Change {
  label: string;
  first: string;
  second: string;
}

export interface Changed {
  names: [string, string];
  settings: Change[];
  same: [string, string][];
  results: Change[];
}

export interface Results {
  ids: string[];
  /** The look of each column's line; null beyond the looks there are. */
  series: (number | null)[];
  stars: boolean;
  pvalues: boolean;
  pair: string[];
  changed: Changed | null;
  table: Table | null;
  depvar?: string;
  exports?: Exports;
  diagnostics?: DiagnosticsRow[];
  coefficients?: Coefficient[];
}
