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
  /** What was asked of a database; else empty. */
  query: string;
  rows: number;
  columns: number;
  bytes: number;
  missing: string;
}

/** The columns by which the rows of choice data are read. */
export type ColumnRole = "situation" | "alternatives" | "panel";

export interface SetupState {
  serial: number;
  ticket: number;
  source: string;
  sources: Option[];
  tables: Option[];
  data: DataFigures | null;
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
  walk: string;
  /** Whether the estimates are solved for in closed form. */
  solved: boolean;
  demeaner: string;
  demeaners: Option[];
  roles: Record<string, string>;
  se: string;
  errors: Option[];
  se_options: string;
  errors_hint: string;
  cluster: string;
  weights: string;
  weight_kind: string;
  weight_kinds: string[];
  offset: string;
  positive: string;
  situation: string;
  alternatives: string;
  panel: string;
  /** The columns that the model needs beside its formula. */
  asks: ColumnRole[];
  model_settings: string;
  /** An example of what a model of discrete choice is told; empty for other models. */
  model_hint: string;
  device: string;
  devices: Option[];
  library: string;
  libraries: Option[];
  dtype: string;
  numbers: Option[];
  optimizer: string;
  optimizers: Option[];
  settings: string;
  settings_hint: string;
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

/** What every part may do: send choices, read variables, and know which text is still its own. */
export class Desk {
  /** What waits for a kernel that is busy; else empty. */
  waiting = "";
  private silence = 0;
  private serial = 0;
  private readonly drafts = new Map<TextField, () => void>();
  private readonly sent = new Map<TextField, number>();

  /** `onSilence` hears that Python has left a choice unanswered for a while. */
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

  /** Tell Python one choice. */
  set(field: string, value: string | number | null): number {
    this.serial = Math.max(this.serial + 1, Date.now()); // two views of one widget share the clock
    this.connection.send("set", { field, value, serial: this.serial });
    this.expect("this is checked as soon as it is free");
    return this.serial;
  }

  /** Send an order, after what was typed before it. */
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
  heard(): void {
    window.clearTimeout(this.silence);
    this.waiting = "";
  }

  private expect(what: string): void {
    this.heard();
    this.silence = window.setTimeout(() => {
      this.waiting = `The kernel is busy; ${what}.`;
      this.onSilence();
    }, PATIENCE);
  }

  /** Let a text field hold one choice: what is typed is sent after a pause of `pause` ms. */
  bind(input: TextField, field: string, pause: number, read: (words: string) => string | number | null = (words) => words): void {
    const tell = (): void => {
      if (this.drafts.delete(input)) this.sent.set(input, this.set(field, read(input.value)));
    };
    const later = debounced(tell, pause);
    input.addEventListener("input", () => {
      this.drafts.set(input, tell);
      later();
    });
  }

  /** Send what is typed and not yet sent. */
  private flush(): void {
    [...this.drafts.values()].forEach((tell) => tell());
  }

  /** Put Python's text into a field, unless the person has typed something newer there. */
  settle(input: TextField, value: string): void {
    const newer = this.drafts.has(input) || this.state.serial < (this.sent.get(input) ?? 0);
    if (!newer && input.value !== value) input.value = value;
  }
}

/** Call `act` when `pause` milliseconds went by without another call. */
export function debounced(act: () => void, pause: number): () => void {
  let timer = 0;
  return () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(act, pause);
  };
}
