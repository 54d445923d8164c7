// The stage before the optimizer: how the residual of each column falls while effects are taken out.
import { Chart } from "../charts/chart";
import type { Line } from "../charts/cursor";
import { h, mark, text } from "../dom";
import { count } from "../format";
import { heading } from "./figures";
import { exponents, type Placed } from "./lines";
import type { Run } from "./store";

const MOST_LINES = 5;

interface Block {
  chart: Chart;
  name: HTMLElement;
  note: HTMLElement;
  element: HTMLElement;
}

/** One chart for each run that demeans: the log residual of its columns against the iteration. */
export class DemeaningCharts {
  readonly element = h("div", { class: "dm", hidden: true });
  private readonly blocks = new Map<string, Block>();

  update(placed: Placed[]): void {
    const demeaned = placed.filter(({ run }) => falls(run));
    mark(this.element, "hidden", !demeaned.length);
    this.leave(new Set(demeaned.map(({ run }) => run.card.id)));
    for (const { run } of demeaned) this.draw(run, demeaned.length > 1);
  }

  end(): void {
    this.leave(new Set());
  }

  private draw(run: Run, named: boolean): void {
    const { chart, name, note } = this.block(run);
    const { columns } = run.card.demeaning!;
    const chosen = slowest(run, columns.length);
    text(name, named ? run.card.name : "");
    text(note, columns.length > MOST_LINES ? `the slowest ${MOST_LINES} of ${count(columns.length)} columns` : "");
    chart.update(chosen.map((column, slot) => residuals(run, column, columns[column]!, slot)), "iteration");
  }

  private block(run: Run): Block {
    const known = this.blocks.get(run.card.id);
    if (known) return known;
    const rule = { at: Math.log10(run.card.demeaning!.tol || 1e-16), text: "converged below this line" };
    const chart = new Chart({ title: "Demeaning residual", unit: "relative, log scale", height: 190, log: true, named: true, markers: "all", rule });
    const [name, note] = [h("b", { class: "s" }), h("span", { class: "m s" })];
    const element = h("div", {}, h("div", { class: "bar" }, heading(chart.options), name, h("span", { class: "grow" }), note), chart.element);
    const made = { chart, name, note, element };
    this.blocks.set(run.card.id, made);
    this.element.append(element);
    return made;
  }

  private leave(staying: Set<string>): void {
    for (const [id, { chart, element }] of this.blocks) {
      if (staying.has(id)) continue;
      chart.destroy();
      element.remove();
      this.blocks.delete(id);
    }
  }
}

/** Whether there is something to draw: effects of few levels are solved for at once, without a residual. */
function falls({ card, innerTrace }: Run): boolean {
  return !!card.demeaning?.columns.some((_, column) => innerTrace.column(column).some((value) => value > 0));
}

function residuals({ innerTrace }: Run, column: number, name: string, slot: number): Line {
  // What a solver leaves can be exactly zero, which a log axis has no place for.
  const left = innerTrace.column(column).map((value) => Math.max(value, Number.EPSILON));
  return { slot, name, x: innerTrace.column("position").map((at) => at + 1), y: exponents(left) };
}

/** The columns to draw, in their own order: all, or those whose residual is largest by now. */
export function slowest({ innerTrace }: Pick<Run, "innerTrace">, columns: number): number[] {
  const all = Array.from({ length: columns }, (_, column) => column);
  if (columns <= MOST_LINES) return all;
  const left = all.map((column) => innerTrace.column(column).reduce((sum, value) => sum + (value > 0 ? Math.log10(value) : -16), 0));
  return [...all].sort((one, other) => left[other]! - left[one]!).slice(0, MOST_LINES).sort((one, other) => one - other);
}
