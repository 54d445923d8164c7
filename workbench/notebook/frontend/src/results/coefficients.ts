// Estimates with 95 % intervals, per standard deviation of the variable or in raw units.
import { sample } from "../charts/palette";
import { evenLabels, around } from "../charts/ticks";
import { fill, h, svg, text, type Child } from "../dom";
import { figure } from "../format";
import { Segments } from "../setup/controls";
import type { Coefficient, Point, Results } from "./state";

const [ROW_GAP, SLOT, LEFT, RIGHT, TOP, BOTTOM] = [10, 10, 90, 14, 6, 26];
const MOST_ROWS = 50;

/** The region Coefficients. */
export class CoefficientsPart {
  private scaled = true;
  private results: Results | null = null;
  private readonly about = h("small");
  private readonly units = new Segments("Units of the coefficients", (key) => this.choose(key), () => undefined);
  private readonly keys = h("div", { class: "keys s" });
  private readonly chart = h("div", { class: "chart-box" });
  private readonly numbers = h("div", { class: "sr" });
  readonly element = h("section", { "aria-label": "Coefficients" },
    h("div", { class: "tb" }, h("h3", {}, "Coefficients ", this.about), h("span", { class: "grow" }), this.units.element), this.keys, this.chart, this.numbers);
  private readonly observer = new ResizeObserver(() => this.draw());

  constructor() {
    this.observer.observe(this.chart);
  }

  end(): void {
    this.observer.disconnect();
  }

  show(results: Results): void {
    this.results = results;
    this.element.hidden = !results.table;
    if (results.table) this.draw();
  }

  private choose(key: string): void {
    this.scaled = key === "scaled";
    this.draw();
  }

  private draw(): void {
    const { results } = this;
    const width = Math.floor(this.chart.clientWidth);
    if (!results?.table || width < 100) return;
    const looks = results.series.filter((look) => look !== null);
    const kept = <T>(columns: T[]): T[] => columns.filter((_, at) => results.series[at] !== null);
    const all = (results.coefficients ?? []).map((row) => ({ ...row, points: kept(row.points) }));
    const possible = all.length > 0 && all.every((row) => row.points.every((point) => !point || point.scale !== null));
    const scaled = this.scaled && possible;
    const rows = all.slice(0, MOST_ROWS).map((row) => (scaled ? perDeviation(row) : row));
    this.units.show([{ key: "scaled", label: "Per standard deviation", enabled: possible, reason: "The data of a run are no longer at hand." }, { key: "raw", label: "Raw units" }], scaled ? "scaled" : "raw");
    text(this.about, `95 % intervals${all.length > MOST_ROWS ? `, first ${MOST_ROWS}` : ""}`);
    const names = kept(results.table.heads);
    fill(this.keys, names.map((name, at) => h("span", { class: "key" }, sample(looks[at]), name)));
    fill(this.chart, picture(rows, names, looks, width));
    fill(this.numbers, numbersTable(rows, names));
  }
}

function perDeviation(row: Coefficient): Coefficient {
  const times = (point: Point): Point => {
    const by = point.scale ?? 1;
    return { ...point, estimate: point.estimate * by, low: point.low === null ? null : point.low * by, high: point.high === null ? null : point.high * by };
  };
  return { ...row, points: row.points.map((point) => point && times(point)) };
}

function picture(rows: Coefficient[], names: string[], looks: number[], width: number): SVGElement {
  const slots = Math.max(1, names.length);
  const tall = slots * SLOT + ROW_GAP;
  const height = TOP + rows.length * tall + BOTTOM;
  const values = rows.flatMap((row) => row.points.flatMap((point) => (point ? [point.low ?? point.estimate, point.high ?? point.estimate] : [])));
  const [low, high] = around(Math.min(0, ...values), Math.max(0, ...values), 0.03);
  const left = Math.min(width / 3, Math.max(LEFT, 20 + 7 * Math.max(0, ...rows.map((row) => row.name.length))));
  const x = (value: number): number => left + ((value - low) / (high - low)) * (width - left - RIGHT);
  const step = niceStep((high - low) / 4);
  const ticks = Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, at) => (Math.ceil(low / step) + at) * step);
  const labels = evenLabels(ticks, step);
  return svg("svg", { class: "cp", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": described(rows, names) },
    ticks.map((value, at) => [
      svg("path", { class: Math.abs(value) < step / 2 ? "ax zero" : "gr", d: `M${x(value)} ${TOP}V${height - BOTTOM}` }),
      svg("text", { x: x(value), y: height - 8, "text-anchor": "middle" }, labels[at]),
    ]),
    rows.map((row, at) => line(row, TOP + at * tall + ROW_GAP / 2, left, looks, x)));
}

function line(row: Coefficient, top: number, left: number, looks: number[], x: (value: number) => number): Child[] {
  const shown = row.name.length > 24 ? `${row.name.slice(0, 23)}…` : row.name;
  return [
    svg("text", { class: "d name", x: left - 10, y: top + (looks.length * SLOT) / 2 + 4, "text-anchor": "end" }, svg("title", {}, row.name), shown),
    row.points.map((point, at) => point && mark(point, looks[at]!, top + at * SLOT + SLOT / 2, x)),
  ];
}

function mark(point: Point, look: number, y: number, x: (value: number) => number): Child[] {
  const at = x(point.estimate);
  const bar = point.low !== null && point.high !== null && svg("path", { class: `e e${look + 1}`, d: `M${x(point.low)} ${y}H${x(point.high)}` });
  return [bar, marker(look, at, y)];
}

function marker(look: number, x: number, y: number): SVGElement {
  if (look === 0) return svg("circle", { class: "k1", cx: x, cy: y, r: 3 });
  if (look === 1) return svg("path", { class: "k2", d: `M${x} ${y - 4}l4 7h-8z` });
  if (look === 2) return svg("rect", { class: "k3", x: x - 3, y: y - 3, width: 6, height: 6 });
  if (look === 3) return svg("path", { class: "k4", d: `M${x} ${y - 4.2}l4.2 4.2l-4.2 4.2l-4.2 -4.2z` });
  return svg("path", { class: "k5", d: `M${x - 3} ${y - 3}l6 6m0 -6l-6 6` });
}

/** A step of 1, 2 or 5 times a power of ten that is not smaller than `least`. */
function niceStep(least: number): number {
  const scale = 10 ** Math.floor(Math.log10(least));
  return scale * ([1, 2, 5].find((factor) => factor * scale >= least) ?? 10);
}

function described(rows: Coefficient[], names: string[]): string {
  return `Coefficients of ${names.join(", ")}: ${rows.map((row) => row.name).join(", ")}; the numbers follow as a table.`;
}

function numbersTable(rows: Coefficient[], names: string[]): HTMLElement {
  const cell = (point: Point | null): string => {
    if (!point) return "";
    const range = point.low === null ? "" : `, from ${figure(point.low)} to ${figure(point.high)}`;
    return `${figure(point.estimate)}${range}`;
  };
  return h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Variable"), names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name), row.points.map((point) => h("td", {}, cell(point)))))));
}
