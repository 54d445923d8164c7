// A run that failed: what happened, the evidence, the likely cause, the remedies, and the traces.
import { Chart } from "../charts/chart";
import { fill, h, rich, text } from "../dom";
import { count } from "../format";
import type { Actions } from "./cards";
import type { Card, Evidence } from "./card";
import { DemeaningCharts } from "./demeaning";
import { block } from "./figures";
import { exponents, figureLines, gapLines, parameterLines, type Placed } from "./lines";

const CONVERGED = 1e-8;

export class FailureView {
  private readonly words = h("div");
  private readonly warning = h("p", { class: "s warning", hidden: true });
  private readonly demeaning = new DemeaningCharts();
  private readonly traces = h("div", {}, this.demeaning.element);
  readonly element: HTMLElement;
  private charts: { chart: Chart; lines: (one: Placed, all: Placed[]) => ReturnType<typeof gapLines> }[] = [];
  private drawn = "";
  private prepared = false;

  constructor(
    private readonly id: string,
    private readonly actions: Actions,
  ) {
    this.element = h("article", { class: "failure", "data-run": id, "aria-labelledby": `failure-${id}` },
      h("div", {}, this.words, this.warning), this.traces);
  }

  update(one: Placed, all: Placed[], alive: boolean): void {
    const { card } = one.run;
    const drawn = JSON.stringify([card, alive]);
    if (drawn !== this.drawn) this.describe(card, alive);
    if (!this.prepared) this.prepare(one);
    this.drawn = drawn;
    this.demeaning.update([one]);
    for (const { chart, lines } of this.charts) chart.update(lines(one, all), "step");
  }

  /** Show a sentence on what prevents a remedy; null takes it away. */
  warn(sentence: string | null): void {
    this.warning.hidden = sentence === null;
    text(this.warning, sentence ?? "");
  }

  end(): void {
    this.charts.forEach(({ chart }) => chart.destroy());
    this.demeaning.end();
    this.element.remove();
  }

  private describe(card: Card, alive: boolean): void {
    const { sentences, table, cause } = card.evidence;
    fill(this.words,
      h("span", { class: `chip ${card.tone}` }, card.status_label), " ", h("span", { class: "m s" }, `${card.name}, ${card.model}, ${card.data}`),
      h("h2", { id: `failure-${this.id}` }, card.heading),
      sentences.map((sentence) => h("p", {}, rich(sentence))),
      table && evidenceTable(table),
      cause && h("p", {}, h("b", {}, "Likely cause. "), rich(cause)),
      this.actions.steerable && card.remedies.length > 0 && [h("b", {}, "What you can do"), this.remedies(card, alive)]);
  }

  private remedies(card: Card, alive: boolean): HTMLElement {
    const safest = card.remedies.findIndex(({ able }) => able);
    return h("div", { class: "act" }, card.remedies.map(({ action, label, help, able }, index) => h("div", {},
      !able ? h("span", { class: "advice" }, label) : h("button", { class: `btn ${index === safest ? "p" : ""}`, type: "button", "data-action": action, disabled: !alive, title: alive ? null : "The kernel is gone",
        onclick: (event: Event) => this.press(action, card.id, event.currentTarget as HTMLButtonElement) }, label),
      h("span", { class: "s" }, help))));
  }

  private press(action: string, run: string, button: HTMLButtonElement): void {
    button.disabled = true;
    window.setTimeout(() => (button.disabled = false), 2000);
    this.actions.remedy(action, run);
  }

  private prepare({ run }: Placed): void {
    this.prepared = true;
    if (run.card.step === null) return this.traces.append(h("p", { class: "s m" }, "There is no step to show."));
    if (run.card.solved) return;
    const parameter = run.card.evidence.parameter;
    const grows = parameter !== null && run.card.parameters.includes(parameter);
    const decrements = run.history.column("decrement").some((value) => value > 0);
    if (grows) this.add("− Log-likelihood", "falls toward 0, log scale", true, (one) => [logLikelihood(one)]);
    if (grows) this.add(`Coefficient of ${parameter}`, "keeps growing", false, (one) => parameterLines([one], parameter));
    if (!grows && decrements) this.add("Newton decrement", "log scale", true, (one) => figureLines([one], "decrement", "steps"), Math.log10(CONVERGED));
    if (!grows) this.add("Gap to expected maximum", "nats per row, log scale", true, (one, all) => gapLines(all, "steps").filter(({ slot }) => slot === one.slot));
    if (!grows && !decrements) this.add("Largest gradient element", "per row, log scale", true, (one) => figureLines([one], "gradient", "steps"));
    const kept = `Ended at step ${count(run.card.step)}. ` + (run.card.outcome === "SEPARATED" || run.card.outcome === "NOT_FINITE"
      ? "These values are kept in the trace and left out of every table." : "These values are kept in the trace.");
    this.traces.append(h("p", { class: "s m" }, kept));
  }

  private add(title: string, unit: string, log: boolean, lines: (one: Placed, all: Placed[]) => ReturnType<typeof gapLines>, convergence?: number): void {
    const rule = convergence === undefined ? {} : { rule: { at: convergence, text: "converged below this line" } };
    const chart = new Chart({ title, unit, height: 138, log, markers: "all", ...rule });
    this.charts.push({ chart, lines });
    this.traces.append(block(chart));
  }
}

function logLikelihood(one: Placed): ReturnType<typeof gapLines>[number] {
  const total = one.run.history.column("objective").map((value) => value * one.run.card.observations);
  return { slot: one.slot, name: one.run.card.name, x: one.run.history.column("number"), y: exponents(total) };
}

function evidenceTable({ columns, rows }: NonNullable<Evidence["table"]>): HTMLElement {
  return h("table", { class: "ct" },
    h("thead", {}, h("tr", {}, columns.map((column, index) => h(index ? "th" : "td", index ? { scope: "col" } : {}, column)))),
    h("tbody", {}, rows.map(([head = "", ...cells]) => h("tr", {}, h("th", { scope: "row" }, head), cells.map((cell) => h("td", {}, cell))))));
}
