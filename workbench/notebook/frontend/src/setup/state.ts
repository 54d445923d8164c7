// What Python says the Setup page shows, and how a part of the page answers.
import type { Connection } from "../connection";

export interface Option {
  key: string;
  label: string;
  note?: string;
  enabled?: boolean;
  reason?: string;
}

export interface Variable {
  name: string;
  kind: string;
  /** Whether it holds numbers, and so may be weights or an offset. */
  numeric: boolean;
  missing: number;
  levels: number | null;
  histogram: number[];
  note: string;
}

export interface Check {
  ok: boolean;
  text: string;
  detail: string;
  where: string;
  suggestion: string;
  brief: string;
  field: string;
  /** The group of that field, where it is drawn from a schema. */
  of: Group | "";
  levels: string[];
  /** How many rows are left out, as far as it is known. */
  left_out: number;
}

/** Rows left out: their numbers and values, null where one is missing. */
export interface LeftOut {
  /** What the page asked about, as it came. */
  about: string;
  columns: string[];
  rows: [number, ...(string | null)[]][];
}

export interface DataFigures {
  name: string;
  kind: string;
  /** The query of a database; else empty. */
  query: string;
  rows: number;
  columns: number;
  bytes: number;
  missing: string;
}

/** How a chosen file was read: what was decided, notes on columns, and the first rows. */
export interface Reading {
  file: string;
  said: string;
  notes: string[];
  columns: string[];
  /** Which columns hold numbers. */
  numeric: boolean[];
  /** Null where a value is missing. */
  rows: (string | null)[][];
  /** The first lines as they stand in a file that is refused. */
  lines: string[];
}

/** A value of an option, as plain JSON. */
export type Plain = string | number | boolean | null | Plain[] | { [name: string]: Plain };

/** What drawn fields belong to. */
export type Group = "model" | "optimizer" | "demeaner" | "se" | "run" | "reading";

/** The schema of an option, with what is given for it and what it may be in the data. */
export interface Field {
  name: string;
  label: string;
  kind: string;
  help: string;
  default: Plain;
  required: boolean;
  /** Whether the value may be left open, for the default of None. */
  optional: boolean;
  choices: Plain[];
  /** Words for some of the values; those for the default stand where none is given. */
  said: [Plain, string][];
  example: Plain;
  /** What the names of a value by name are, such as a column. */
  key: string;
  value: Plain;
  /** Names or levels to choose from. */
  names: string[];
}

export interface SetupState {
  serial: number;
  ticket: number;
  source: string;
  sources: Option[];
  tables: Option[];
  data: DataFigures | null;
  /** The file that is chosen; null for other data. */
  reading: Reading | null;
  notice: string;
  refusal: string;
  own: boolean;
  template: string;
  templates: Option[];
  equation: string;
  formula: string;
  body: string;
  check: Check;
  effects: string;
  /** Whether the formula has a part behind a bar. */
  absorbs: boolean;
  /** How the estimates are found where no optimizer can be chosen; else empty. */
  only_optimizer: string;
  /** Whether the estimates are solved for in closed form. */
  solved: boolean;
  demeaner: string;
  demeaners: Option[];
  roles: Record<string, string>;
  /** What further letters of roles mean. */
  letters: Record<string, string>;
  /** The fields drawn from schemas, by what they belong to. */
  forms: Record<Group, Field[]>;
  has_offset: boolean;
  has_effects: boolean;
  se: string;
  errors: Option[];
  cluster: string;
  weights: string;
  weight_kind: string;
  weight_kinds: string[];
  offset: string;
  positive: string;
  device: string;
  devices: Option[];
  library: string;
  libraries: Option[];
  dtype: string;
  numbers: Option[];
  optimizer: string;
  optimizers: Option[];
  automatic: string;
  start: string;
  starts: Option[];
  max_steps: number | null;
  name: string;
  run_name: string;
  sentence: string;
  code: { python: string; magic: string };
}

/** A region of the page: an element, and how it takes a new state. */
export interface Part {
  element: HTMLElement;
  show(state: SetupState): void;
}

/** How long Python may be silent before the page says that it is busy. */
const PATIENCE = 700;

type TextField = HTMLInputElement | HTMLTextAreaElement;

/** Sends the choices of the page to Python, and keeps text that is typed and not yet sent. */
export class Choices {
  /** What waits for a kernel that is busy; else empty. */
  waiting = "";
  private silence = 0;
  private serial = 0;
  private readonly drafts = new Map<object, () => void>();
  private readonly timers = new Map<object, number>();
  private readonly sent = new Map<TextField, number>();

  /** `onSilence` is called when Python has not answered a choice for a while. */
  constructor(
    readonly connection: Connection,
    private readonly onSilence: () => void,
  ) {}

  get state(): SetupState {
    return this.connection.get<SetupState>("setup");
  }

  get variables(): Variable[] {
    return this.connection.get<Variable[]>("variables") ?? [];
  }

  /** Send one choice to Python. */
  set(field: string, value: string | number | null): number {
    return this.choose("set", { field, value });
  }

  /** Send one option of a group to Python; null empties its field. */
  setOption(of: Group, name: string, value: Plain): number {
    return of === "reading" ? this.choose("reread", { name, value }) : this.choose("option", { of, name, value });
  }

  private choose(type: string, payload: Record<string, unknown>): number {
    this.serial = Math.max(this.serial + 1, Date.now()); // two views of one widget send numbers from the same clock
    this.connection.send(type, { ...payload, serial: this.serial });
    this.expect("this is checked as soon as it is free");
    return this.serial;
  }

  /** Send a command, after what was typed before it. */
  send(type: string, payload: Record<string, unknown> = {}): void {
    this.flush();
    this.connection.send(type, payload);
  }

  /** Start what is set up. */
  run(): void {
    this.send("run", { ticket: this.state.ticket });
    this.expect("the run starts as soon as it is free");
  }

  /** Note that Python has answered. */
  answered(): void {
    window.clearTimeout(this.silence);
    this.waiting = "";
  }

  private expect(what: string): void {
    this.answered();
    this.silence = window.setTimeout(() => {
      this.waiting = `The kernel is busy; ${what}.`;
      this.onSilence();
    }, PATIENCE);
  }

  /** Let a text field hold one choice: what is typed is passed to `tell` after a pause of `pause` ms. */
  bind(input: TextField, tell: (words: string) => number, pause: number): void {
    input.addEventListener("input", () => this.later(input, () => this.sent.set(input, tell(input.value)), pause));
  }

  /** Call `tell` for a field when `pause` ms went by without a further change of it, or a command is sent before. */
  later(field: object, tell: () => void, pause: number): void {
    this.forget(field);
    this.drafts.set(field, () => (this.forget(field), tell()));
    this.timers.set(field, window.setTimeout(() => this.drafts.get(field)?.(), pause));
  }

  /** Drop what a field has not yet sent. */
  forget(field: object): void {
    window.clearTimeout(this.timers.get(field));
    this.drafts.delete(field);
  }

  /** Whether a field has something that is not yet sent. */
  holds(field: object): boolean {
    return this.drafts.has(field);
  }

  /** Send what is typed and not yet sent. */
  private flush(): void {
    [...this.drafts.values()].forEach((tell) => tell());
  }

  /** Put Python's text into a field, unless the user has typed something newer there. */
  settle(input: TextField, value: string): void {
    const newer = this.drafts.has(input) || this.state.serial < (this.sent.get(input) ?? 0);
    if (!newer && input.value !== value) input.value = value;
  }
}
