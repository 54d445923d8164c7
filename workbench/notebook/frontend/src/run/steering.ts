// Steering a run, and saying so when the kernel does not answer at once.
import type { Connection } from "../connection";

export type Steer = "pause" | "resume" | "stop" | "cancel";
const PATIENCE = 500;
const BUSY = "The kernel is busy with a cell; Stop acts when it ends.";

/** Sends the steering messages and watches for Python's answer. */
export class Steering {
  private readonly waiting = new Map<string, number>();
  private readonly endings: (() => void)[];

  /** `onTrouble` is called with a sentence when a command waits or is refused, and with null when it is accepted. */
  constructor(
    private readonly connection: Connection,
    private readonly onTrouble: (run: string, sentence: string | null) => void,
  ) {
    this.endings = [
      connection.on("received", ({ run }: { run: string }) => this.answered(run, null)),
      connection.on("refused", ({ run, sentence }: { run: string; sentence: string }) => this.answered(run, sentence)),
    ];
  }

  steer(action: Steer, run: string): void {
    this.connection.send(action, { run });
    this.expect(run);
  }

  /** Apply a remedy to a run that failed. */
  remedy(action: string, run: string): void {
    if (action === "edit") return this.connection.send("edit", { id: run });
    if (action === "keep") return this.connection.goto("results");
    this.connection.send("remedy", { run, action });
    this.expect(run);
  }

  end(): void {
    this.endings.forEach((end) => end());
    this.waiting.forEach((timer) => window.clearTimeout(timer));
  }

  private expect(run: string): void {
    window.clearTimeout(this.waiting.get(run));
    this.waiting.set(run, window.setTimeout(() => this.onTrouble(run, BUSY), PATIENCE));
  }

  private answered(run: string, sentence: string | null): void {
    window.clearTimeout(this.waiting.get(run));
    this.waiting.delete(run);
    this.onTrouble(run, sentence);
  }
}
