// Diagnostics of the compared runs: outcome, decrement, eigenvalues on a log line, condition.
import { sample } from "../charts/palette";
import { decadeLabel } from "../charts/ticks";
import { fill, h, rich, svg, type Child } from "../dom";
import { power } from "../format";
import type { DiagnosticsRow, Results } from "./state";

const [WIDTH, HEIGHT] = [150, 14];
/** So many decades below the largest an eigenvalue is zero to working precision. */
const ZERO = -10;

/** The region Diagnostics. */
export class DiagnosticsPart {
  private readonly body = h("div", { class: "scr" });
  private readonly findings = h("p", { class: "s findings" });
  readonly element = h("section", { class: "pad hr", "aria-label": "Diagnostics" }, h("h3", {}, "Diagnostics"), this.body, this.findings);

  show(results: Results): void {
    this.element.hidden = !results.table;
    if (!results.table) return;
    const names = results.table.heads;
    const lines = results.diagnostics ?? [];
    const [low, high] = span(lines);
    const heads = ["Run", "Outcome", "Newton decrement", `Hessian eigenvalues, scaled, ${decadeLabel(low)} to ${decadeLabel(high)}`, "Condition", "Robust / Hessian errors"];
    fill(this.body, h("table", { class: "dg" },
      h("thead", {}, h("tr", {}, heads.map((words, at) => h("th", { scope: "col", class: [2, 4, 5].includes(at) ? "n" : null }, words)))),
      h("tbody", {}, lines.map((line, at) => row(line, names[at] ?? "", sample(results.series[at]), [low, high])))));
    fill(this.findings, grouped(names, lines.map((line) => line.finding)));
  }
}

function row(line: DiagnosticsRow, name: string, look: Child, range: [number, number]): HTMLElement {
  return h("tr", {}, h("th", { scope: "row" }, look, " ", name),
    h("td", {}, h("span", { class: `chip ${line.tone}` }, line.status_label)),
    h("td", { class: "n", "data-l": "Decrement" }, line.decrement),
    h("td", { "data-l": "Eigenvalues" }, line.eigenvalues.length ? spectrum(line, range) : "not shown"),
    h("td", { class: "n", "data-l": "Condition" }, line.condition),
    h("td", { class: "n", "data-l": "Robust / Hessian" }, line.ratio));
}

/** Whole decades around all eigenvalues. */
function span(lines: DiagnosticsRow[]): [number, number] {
  const all = lines.flatMap((line) => line.eigenvalues);
  if (!all.length) return [-1, 1];
  return [Math.floor(Math.min(...all, -1)), Math.ceil(Math.max(...all, 0))];
}

function spectrum(line: DiagnosticsRow, [low, high]: [number, number]): SVGElement {
  const x = (value: number): number => 2 + ((value - low) / (high - low)) * (WIDTH - 4);
  const [smallest, largest] = [Math.min(...line.eigenvalues), Math.max(...line.eigenvalues)];
  const label = `${line.eigenvalues.length} eigenvalues from ${power(Math.round(smallest))} to ${power(Math.round(largest))}`;
  return svg("svg", { class: "ev", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label },
    svg("path", { class: "ax", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }),
    line.eigenvalues.map((value) => svg("line", { class: line.flat && (value === smallest || value < largest + ZERO) ? "z" : null, x1: x(value), x2: x(value), y1: 1, y2: HEIGHT - 1 })));
}

/** "Logit and Probit: well conditioned." — one sentence for the runs that share it. */
function grouped(names: string[], findings: string[]): Child[] {
  const sharing = new Map<string, string[]>();
  findings.forEach((finding, at) => sharing.set(finding, [...(sharing.get(finding) ?? []), names[at] ?? ""]));
  return [...sharing].map(([finding, runs]) => [h("b", {}, `${listed(runs)}: `), rich(`${finding} `)]);
}

function listed(names: string[]): string {
  if (names.length < 3) return names.join(" and ");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
