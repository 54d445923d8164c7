// Every run on this page: its card, its history, and the messages that update both.
import type { Connection } from "../connection";
import type { Card } from "./card";
import { History, numbers, INNER_COUNTS, type Chunk, type Count } from "./history";

export interface Run {
  card: Card;
  history: History;
  /** The iterations of demeaning; empty without fixed effects. */
  innerTrace: History<Count>;
  /** When the card arrived, on the page's own clock, in milliseconds. */
  received: number;
}
interface ChunkMessage extends Chunk {
  run: string;
  demeaning?: Chunk;
  /** The run's card at the last of these steps. */
  card?: Card;
}
interface Opening {
  cards: Card[];
  snapshots: (ChunkMessage & { rows: DataView; inner_trace?: DataView })[];
}
interface Kept {
  history: History;
  innerTrace: History<Count>;
}

export class Store {
  readonly runs = new Map<string, Run>();
  private readonly histories = new Map<string, Kept>();
  private readonly requested = new Set<string>();
  private readonly endings: (() => void)[];

  /** `onCard` is called with a card and the one before it, `onSteps` when steps are added to a run, `onGone` when a run is removed. */
  constructor(
    private readonly connection: Connection,
    private readonly onCard: (card: Card, before: Card | null) => void,
    private readonly onSteps: (run: string, through: number) => void,
    private readonly onGone: (run: string) => void,
  ) {
    this.endings = [
      connection.on("card", ({ run }: { run: Card }) => this.take(run)),
      connection.on("batch", (chunk: ChunkMessage, [buffer, innerTrace]) => buffer && this.batch(chunk, buffer, innerTrace)),
      connection.on("snapshot", (chunk: ChunkMessage, [buffer, innerTrace]) => buffer && this.snapshot(chunk, buffer, innerTrace)),
      connection.on("removed", ({ run }: { run: string }) => (this.runs.delete(run), this.onGone(run))),
      connection.on("closed", ({ run, last, inner_last }: { run: string; last: number; inner_last?: number }) => this.close(run, last, inner_last ?? 0)),
    ];
  }

  /** Take the state the widget was created with, then ask for what came since. */
  open(): void {
    const opening = this.connection.get<Opening | undefined>("opening");
    opening?.cards?.forEach((card) => this.take(card));
    opening?.snapshots?.forEach((chunk) => chunk.rows && this.snapshot(chunk, chunk.rows, chunk.inner_trace));
    const seen = Object.fromEntries([...this.histories].map(([id, { history, innerTrace }]) => [id, history.through + innerTrace.through]));
    this.connection.send("ready", { seen });
  }

  end(): void {
    this.endings.forEach((end) => end());
  }

  private take(card: Card): void {
    const known = this.runs.get(card.id);
    const before = known?.card ?? null;
    this.runs.set(card.id, { card, ...this.kept(card.id), received: performance.now() });
    this.onCard(card, before);
  }

  private batch(chunk: ChunkMessage, buffer: DataView, inner?: DataView): void {
    const { history, innerTrace } = this.kept(chunk.run);
    const results = [history.append(chunk, numbers(buffer))];
    if (chunk.demeaning && inner) results.push(innerTrace.append(chunk.demeaning, numbers(inner)));
    if (results.includes("full")) this.ask(chunk.run);
    else if (results.includes("gap")) this.ask(chunk.run);
    if (chunk.card) this.take(chunk.card);
    this.onSteps(chunk.run, chunk.first + chunk.n);
  }

  private snapshot(chunk: ChunkMessage, buffer: DataView, inner?: DataView): void {
    const { history, innerTrace } = this.kept(chunk.run);
    this.requested.delete(chunk.run);
    history.restore(chunk, numbers(buffer));
    if (chunk.demeaning && inner) innerTrace.restore(chunk.demeaning, numbers(inner));
    if (chunk.card) this.take(chunk.card);
    this.onSteps(chunk.run, chunk.first + chunk.n);
  }

  private close(run: string, last: number, innerLast: number): void {
    const { history, innerTrace } = this.kept(run);
    if (history.through < last || innerTrace.through < innerLast) this.ask(run);
  }

  /** Ask once for what is missing; the snapshot that answers clears the question. */
  private ask(run: string): void {
    if (this.requested.has(run)) return;
    this.requested.add(run);
    this.connection.send("resync", { run });
  }

  private kept(run: string): Kept {
    const kept = this.histories.get(run) ?? { history: new History(), innerTrace: new History<Count>(INNER_COUNTS) };
    this.histories.set(run, kept);
    return kept;
  }
}

/** Seconds the run has taken by now: its card's clock, carried on while it runs. */
export function elapsed(run: Run, alive: boolean): number {
  const ticking = alive && (run.card.state === "running" || run.card.state === "stopping");
  return run.card.elapsed + (ticking ? (performance.now() - run.received) / 1000 : 0);
}
