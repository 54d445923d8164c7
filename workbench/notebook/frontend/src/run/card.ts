// What Python says about a run: everything a card shows.

type State = "running" | "paused" | "stopping" | "stopped" | "done" | "failed";

export interface Phase {
  key: string;
  label: string;
  state: "none" | "waiting" | "current" | "done" | "stopped";
  seconds: number | null;
}

interface Remedy {
  action: string;
  label: string;
  help: string;
  /** Whether the page can do it; else it is advice. */
  able: boolean;
}

export interface Evidence {
  sentences: string[];
  table: { columns: string[]; rows: string[][] } | null;
  cause: string;
  parameter: string | null;
}

/** What Python says of a run's demeaning: the columns, and the residual at which one is done. */
interface Demeaned {
  columns: string[];
  tol: number;
}

/** Consecutive steps with the same draws and the same start for the signs. */
export interface Stage {
  label: string;
  /** The number of its first step. */
  first: number;
  steps: number;
  loglik: number | null;
  /** Whether it has fewer draws, and so another log-likelihood. */
  rough: boolean;
  /** Whether it looks for a mode at another sign of a parameter. */
  other_mode: boolean;
}

export interface Card {
  id: string;
  name: string;
  model: string;
  status_label: string;
  tone: "ok" | "warn" | "err" | "run" | "stop";
  state: State;
  phases: Phase[];
  step: number | null;
  evaluations: number | null;
  elapsed: number;
  loglik: number | null;
  decrement: number | null;
  sentence: string;
  demeaning: Demeaned | null;
  /** The stages of a simulated likelihood; empty for other models. */
  stages: Stage[];
  /** Whether the estimates are solved for in closed form, so that there are no steps to draw. */
  solved: boolean;
  started: number;
  parameters: string[];
  observations: number;
  data: string;
  setting: string;
  problem: string;
  outcome: string | null;
  /** Whether it found what a table can show. */
  comparable: boolean;
  heading: string;
  evidence: Evidence;
  remedies: Remedy[];
}

/** Whether the run computes or is paused. */
export function isGoing(card: Card): boolean {
  return card.state === "running" || card.state === "paused" || card.state === "stopping";
}
