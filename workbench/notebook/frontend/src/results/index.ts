// The Results page: runs and their comparison, diagnostics, coefficients, what changed.
import type { Connection } from "../connection";
import { h } from "../dom";
import { ChangedPart } from "./changed";
import { CoefficientsPart } from "./coefficients";
import { DiagnosticsPart } from "./diagnostics";
import { RunsPart } from "./runs";
import type { Results, RunRow } from "./state";
import { TablePart } from "./table";

/** Draw the Results page into `panel`; returns the clean-up. */
export function mountResults(panel: HTMLElement, connection: Connection): () => void {
  const [runs, table, diagnostics, coefficients, changed] = [
    new RunsPart(connection), new TablePart(connection), new DiagnosticsPart(), new CoefficientsPart(), new ChangedPart(connection),
  ];
  const empty = h("p", { class: "pad m" }, "No run yet. ", h("button", { class: "btn q", type: "button", onclick: () => connection.goto("setup") }, "Set one up"));
  const page = h("div", {}, h("div", { class: "res" }, runs.element, table.element), diagnostics.element, h("div", { class: "g2 hr" }, coefficients.element, changed.element));
  panel.append(empty, runs.deleted, page);
  const showRuns = (): void => {
    const none = (connection.get<RunRow[]>("runs") ?? []).length === 0;
    empty.hidden = !none;
    page.hidden = none;
    runs.show();
    changed.show(connection.get<Results>("results"));
  };
  const showResults = (): void => {
    const results = connection.get<Results>("results");
    [table, diagnostics, coefficients].forEach((part) => part.show(results));
    showRuns();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "/" || (event.target as HTMLElement).matches("input, textarea, select")) return;
    event.preventDefault();
    event.stopPropagation();
    runs.focusSearch();
  };
  panel.addEventListener("keydown", onKey);
  showResults();
  const endings = [connection.watch("runs", showRuns), connection.watch("results", showResults), connection.onAlive(showResults), () => coefficients.end()];
  return () => {
    endings.forEach((end) => end());
    panel.removeEventListener("keydown", onKey);
    panel.replaceChildren();
  };
}
