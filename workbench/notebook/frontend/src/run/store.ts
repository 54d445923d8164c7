// Every run this page has heard of: its card, its history, and the messages that keep both true.
import type { Connection } from "../connection";
import type { Card } from "./card";
import { History, numbers, type Chunk } from "./history";

export interface Run {
  card: Card;
  history: History;
  /** When the card arrived, on the page's own clock, in milliseconds. */
  heard: number;
}
interface ChunkMessage extends Chunk {
  run: string;
}
interface Opening {
  cards: Card[];
  snapshots: (ChunkMessage & { rows: DataView })[];
}

export class Store {
  readonly runs = new Map<string, Run>();
  private readonly histories = new Map<string, History>();
  private readonly asked = new Set<string>();
  private readonly endings: (() => void)[];

  /** `onCard` hears a card with the one before it; `onSteps` hears that a run has grown. */
  constructor(
    private readonly connection: Connection,
    private readonly onCard: (card: Card, before: Card | null) => void,
    private readonly onSteps: (run: string, through: number) => void,
  ) {
    this.endings = [
      connection.on("card", ({ run }: { run: Card }) => this.take(run)),
      connection.on("batch", (chunk: ChunkMessage, [buffer]) => buffer && this.batch(chunk, buffer)),
      connection.on("snapshot", (chunk: ChunkMessage, [buffer]) => buffer && this.snapshot(chunk, buffer)),
      connection.on("removed", ({ run }: { run: string }) => this.runs.delete(run)),
      connection.on("closed", ({ run, last }: { run: string; last: number }) => this.close(run, last)),
    ];
  }

  /** Take the state the widget was created with, then ask for what came since. */
  open(): void {
    const opening = this.connection.get<Opening | undefined>("opening");
    opening?.cards?.forEach((card) => this.take(card));
    opening?.snapshots?.forEach((chunk) => chunk.rows && this.snapshot(chunk, chunk.rows));
    const seen = Object.fromEntries([...this.histories].map(([id, history]) => [id, history.through]));
    this.connection.send("ready", { seen });
  }

  end(): void {
    this.endings.forEach((end) => end());
  }

  private take(card: Card): void {
    const known = this.runs.get(card.id);
    const before = known?.card ?? null;
    this.runs.set(card.id, { card, history: this.history(card.id), heard: performance.now() });
    this.onCard(card, before);
  }

  private batch(chunk: ChunkMessage, buffer: DataView): void {
    const verdict = this.history(chunk.run).append(chunk, numbers(buffer));
    if (verdict === "gap") this.ask(chunk.run, this.history(chunk.run).through);
    if (verdict === "full") this.ask(chunk.run, 0);
    this.onSteps(chunk.run, chunk.first + chunk.n);
  }

  private snapshot(chunk: ChunkMessage, buffer: DataView): void {
    this.asked.delete(chunk.run);
    this.history(chunk.run).restore(chunk, numbers(buffer));
    this.onSteps(chunk.run, chunk.first + chunk.n);
  }

  private close(run: string, last: number): void {
    if (this.history(run).through < last) this.ask(run, this.history(run).through);
  }

  /** Ask once for what is missing; the snapshot that answers clears the question. */
  private ask(run: string, from: number): void {
    if (this.asked.has(run)) return;
    this.asked.add(run);
    this.connection.send("resync", { run, from });
  }

  private history(run: string): History {
    const history = this.histories.get(run) ?? new History();
    this.histories.set(run, history);
    return history;
  }
}

/** Seconds the run has taken by now: its card's clock, carried on while it runs. */
export function elapsed(run: Run, alive: boolean): number {
  const ticking = alive && (run.card.state === "running" || run.card.state === "stopping");
  return run.card.elapsed + (ticking ? (performance.now() - run.heard) / 1000 : 0);
}
