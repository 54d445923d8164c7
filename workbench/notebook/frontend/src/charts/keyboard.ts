// Reading a chart without looking at it: a cursor for the arrow keys, spoken values, and a table.
import { fill, h, mark, text } from "../dom";
import { count, figure, seconds } from "../format";
import { lastFinite, type Line, type WithCursor } from "./cursor";

const SPEAK_AFTER = 300;
const MOST_ROWS = 50;
const TABLE_EVERY = 5000;
/** Name and table lag by so much; both are brought up to date when the chart is focused. */
const NAME_EVERY = 5000;

export class ChartKeyboard {
  private readonly readout = h("div", { class: "readout", "aria-hidden": "true", hidden: true });
  private readonly spoken = h("div", { class: "sr", "aria-live": "polite", "aria-atomic": "true" });
  private readonly table = h("table", { class: "num" });
  private readonly holder = h("div", { class: "sr numbers" }, this.table);
  private at: number | null = null;
  private timer = 0;
  private tableLater = 0;
  private changed = false;
  private named = -NAME_EVERY;

  constructor(
    private readonly chart: WithCursor,
    private readonly valueUnder: (clientX: number) => number | null,
  ) {
    const { element } = chart;
    mark(element, "role", "application");
    mark(element, "aria-roledescription", "chart");
    mark(element, "tabindex", "0");
    element.append(this.readout, this.spoken, this.holder);
    element.addEventListener("focus", () => this.fillTable());
    element.addEventListener("keydown", this.onKey);
    element.addEventListener("blur", this.leave);
    element.addEventListener("mousemove", (event) => this.hover(event.clientX));
    element.addEventListener("mouseleave", this.leave);
  }

  end(): void {
    window.clearTimeout(this.timer);
    window.clearTimeout(this.tableLater);
  }

  /** Keep the name, the cursor and the table in step with the lines; a table that nobody reads waits for a pause. */
  refresh(): void {
    if (performance.now() - this.named > NAME_EVERY) this.tellName();
    if (this.at !== null) this.show(this.at);
    if (!this.holder.classList.contains("sr")) return this.fillTable();
    this.changed = true;
    this.tableLater ||= window.setTimeout(() => this.afterPause(), this.table.childElementCount ? TABLE_EVERY : 0);
  }

  private afterPause(): void {
    this.tableLater = 0;
    const empty = !this.table.childElementCount;
    if (empty || !this.changed || document.activeElement === this.chart.element) return this.fillTable();
    this.changed = false;
    this.tableLater = window.setTimeout(() => this.afterPause(), TABLE_EVERY);
  }

  private hover(clientX: number): void {
    const [x, points] = [this.valueUnder(clientX), this.points()];
    if (x !== null && points.length) this.show(nearest(points, x));
  }

  private tellName(): void {
    this.named = performance.now();
    mark(this.chart.element, "aria-label", this.name());
  }

  private name(): string {
    const { title, unit, log } = this.chart.options;
    const ends = this.chart.lines.map((line) => this.describe(line, lastFinite(line.y))).filter(Boolean);
    return `${title}, ${unit}, by ${this.chart.xName}${log ? ", log scale" : ""}. ${ends.join("; ")}`;
  }

  private describe(line: Line, index: number): string {
    if (index < 0) return "";
    return `${line.name} ${figure(this.chart.value(line, index))} at ${this.position(line.x[index]!)}`;
  }

  private position(x: number): string {
    return this.chart.xName === "seconds" ? seconds(x) : `${this.chart.xName} ${count(x)}`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "t" || event.key === "T") this.toggleTable();
    else if (!this.step(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  private step(key: string): boolean {
    const points = this.points();
    const here = this.at === null ? points.length : points.indexOf(nearest(points, this.at));
    const moves: Record<string, number> = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: points.length - 1 };
    const next = moves[key];
    if (next === undefined || !points.length) return false;
    this.show(points[Math.min(points.length - 1, Math.max(0, next))]!);
    this.speakSoon();
    return true;
  }

  private readonly leave = (): void => {
    this.at = null;
    this.readout.hidden = true;
    this.chart.hideCursor();
  };

  private show(x: number): void {
    this.at = x;
    this.chart.moveCursor(x);
    const left = this.chart.leftOf(x);
    const turn = left > this.chart.element.clientWidth / 2;
    this.readout.hidden = false;
    this.readout.style.left = turn ? "auto" : `${left + 10}px`;
    this.readout.style.right = turn ? `${this.chart.element.clientWidth - left + 10}px` : "auto";
    fill(this.readout, h("div", { class: "m" }, this.position(x)), this.values(x).map((value) => h("div", {}, value)));
  }

  private values(x: number): string[] {
    return this.chart.lines
      .filter((line) => line.x.length && x >= line.x[0]! && x <= line.x[line.x.length - 1]!)
      .map((line) => ({ line, value: figure(this.chart.value(line, line.x.indexOf(nearest([...line.x], x)))) }))
      .filter(({ line, value }) => value || !line.otherMode)
      .map(({ line, value }) => `${line.name} ${value || "not finite"}`);
  }

  private speakSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (this.at !== null) text(this.spoken, `${this.position(this.at)}: ${this.values(this.at).join(", ")}`);
    }, SPEAK_AFTER);
  }

  private points(): number[] {
    return [...new Set(this.chart.lines.flatMap((line) => [...line.x]))].sort((one, other) => one - other);
  }

  private toggleTable(): void {
    const hidden = this.holder.classList.toggle("sr");
    if (!hidden) this.fillTable();
  }

  private fillTable(): void {
    window.clearTimeout(this.tableLater);
    this.tableLater = 0;
    this.tellName();
    const points = thinned(this.points(), MOST_ROWS);
    const cell = (line: Line, x: number): string => {
      const index = line.x.indexOf(x);
      return index < 0 ? "" : figure(this.chart.value(line, index));
    };
    fill(this.table,
      h("caption", {}, `${this.chart.options.title}, ${this.chart.options.unit}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, this.chart.xName),
        this.chart.lines.map((line) => h("th", { scope: "col" }, line.name)))),
      h("tbody", {}, points.map((x) => h("tr", {},
        h("th", { scope: "row" }, this.chart.xName === "seconds" ? seconds(x) : count(x)),
        this.chart.lines.map((line) => h("td", {}, cell(line, x)))))));
  }
}

function nearest(points: number[], x: number): number {
  return points.reduce((best, point) => (Math.abs(point - x) < Math.abs(best - x) ? point : best), points[0]!);
}

/** At most `most` of the values, evenly spread, the first and the last among them. */
export function thinned(values: number[], most: number): number[] {
  if (values.length <= most) return values;
  return Array.from({ length: most }, (_, index) => values[Math.round((index * (values.length - 1)) / (most - 1))]!);
}
