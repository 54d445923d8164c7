// The charts of the Run page: the gap, the gradient, the step length, and the speed.
import { Chart, type ChartOptions } from "../charts/chart";
import { h, mark, roving, text } from "../dom";
import { figure } from "../format";
import { AXES, AXIS_NAMES, figureLines, gapLines, type Axis, type Placed } from "./lines";
import type { Run } from "./store";

const SPEED_WINDOW = 2;

export class Figures {
  readonly element: HTMLElement;
  private axis: Axis = "steps";
  private readonly gap = new Chart({ title: "Gap to expected maximum", unit: "nats per row", height: 276, log: true, named: true, markers: "all" });
  private readonly gradient = small("Largest gradient element", "per row");
  private readonly step = small("Step length", "norm of the change");
  private readonly buttons = AXES.map((axis) =>
    h("button", { type: "button", role: "radio", "data-axis": axis, onclick: () => this.choose(axis) }, axis));
  private readonly endings: (() => void)[];

  constructor(private readonly onAxis: () => void) {
    const segments = h("div", { class: "seg xs", role: "radiogroup", "aria-label": "Horizontal axis" }, this.buttons);
    this.element = h("div", { class: "ch" },
      h("div", {}, h("div", { class: "bar" }, heading(this.gap.options), h("span", { class: "grow" }), segments), this.gap.element),
      h("div", { class: "pair" }, block(this.gradient), block(this.step)));
    this.endings = [roving(segments, () => this.buttons, (button) => this.choose(button.dataset.axis as Axis))];
    this.choose("steps");
  }

  fast(placed: Placed[]): void {
    this.gap.update(gapLines(placed, this.axis), AXIS_NAMES[this.axis]);
  }

  slow(placed: Placed[]): void {
    this.gradient.update(figureLines(placed, "gradient", this.axis), AXIS_NAMES[this.axis]);
    this.step.update(figureLines(placed, "step", this.axis), AXIS_NAMES[this.axis]);
  }

  end(): void {
    this.endings.forEach((end) => end());
    [this.gap, this.gradient, this.step].forEach((chart) => chart.destroy());
  }

  private choose(axis: Axis): void {
    this.axis = axis;
    for (const button of this.buttons) {
      const on = button.dataset.axis === axis;
      mark(button, "aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    this.onAxis();
  }
}

/** Evaluations per second, and what drawing costs: what the page can measure. */
export class Speed {
  private readonly rate = h("dd");
  private readonly drawing = h("dd");
  private readonly together = h("small");
  readonly element = h("div", { class: "speed hr" }, h("h3", {}, "Speed ", this.together),
    h("dl", { class: "tl" },
      h("div", {}, h("dt", {}, "Evaluations per second"), this.rate),
      h("div", {}, h("dt", {}, "Drawing, share of one core"), this.drawing)));

  update(placed: Placed[], share: number): void {
    const going = placed.filter(({ run }) => run.card.state === "running");
    const counted = going.length ? going : placed;
    text(this.together, counted.length > 1 ? `${counted.length === 2 ? "both" : "all"} runs together` : "");
    const rates = counted.map(({ run }) => rate(run, going.length ? SPEED_WINDOW : Infinity)).filter(Number.isFinite);
    this.rate.parentElement!.hidden = !rates.length;
    text(this.rate, figure(rates.reduce((sum, one) => sum + one, 0)));
    text(this.drawing, share < 0.005 ? "below 1 %" : `${Math.round(100 * share)} %`);
    this.element.hidden = placed.every(({ run }) => run.card.solved);
  }
}

/** Evaluations per second of a run over its last `span` seconds. */
function rate(run: Run, span: number): number {
  const [evaluations, seconds] = [run.history.column("evaluations"), run.history.column("seconds")];
  const end = seconds.length - 1;
  let from = end;
  while (from > 0 && seconds[end]! - seconds[from]! < span) from -= 1;
  return end > from ? (evaluations[end]! - evaluations[from]!) / (seconds[end]! - seconds[from]!) : NaN;
}

export function heading({ title, unit }: Pick<ChartOptions, "title" | "unit">): HTMLElement {
  return h("h3", {}, title, " ", h("small", {}, unit));
}

/** A chart under its heading. */
export function block(chart: Chart): HTMLElement {
  return h("div", {}, heading(chart.options), chart.element);
}

function small(title: string, unit: string): Chart {
  return new Chart({ title, unit, height: 128, log: true, markers: "all" });
}
