// The comparison: one column per run, decimal points aligned by hidden digits, and its exports.
import { sample } from "../charts/palette";
import type { Connection } from "../connection";
import { fill, h, mark, text, type Child } from "../dom";
import { newId } from "../setup/controls";
import { ExportMenu } from "./exports";
import type { Cell, Results, Table, TableRow } from "./state";

/** The region Comparison. */
export class TablePart {
  private readonly title = newId("comparison");
  private readonly about = h("small");
  private readonly stars: HTMLButtonElement;
  private readonly pvalues: HTMLButtonElement;
  private readonly menu: ExportMenu;
  private readonly scroller = h("div", { class: "scr", tabindex: 0, role: "group", "aria-label": "Table of estimates" });
  private readonly note = h("p", { class: "s m note" });
  private readonly empty = h("p", { class: "m" }, "Check a run to see its estimates here.");
  readonly element: HTMLElement;

  constructor(private readonly connection: Connection) {
    this.stars = this.toggle("Stars", "stars");
    this.pvalues = this.toggle("p-values", "pvalues");
    this.menu = new ExportMenu(connection);
    this.element = h("section", { "aria-labelledby": this.title },
      h("div", { class: "tb" }, h("h3", { id: this.title }, "Comparison ", this.about), h("span", { class: "grow" }), this.stars, this.pvalues, this.menu.element),
      this.menu.status, this.scroller, this.note, this.empty);
  }

  show(results: Results): void {
    const { table } = results;
    fill(this.about, results.depvar ? ["dependent variable ", h("code", {}, results.depvar)] : "");
    for (const [button, on] of [[this.stars, results.stars], [this.pvalues, results.pvalues]] as const) {
      mark(button, "aria-checked", String(on));
      button.disabled = !table || !this.connection.alive;
      mark(button, "title", !table ? "No run is checked." : this.connection.alive ? null : "The kernel is gone.");
    }
    this.menu.show(table ? results.exports! : null);
    this.empty.hidden = table !== null && table !== undefined;
    this.scroller.hidden = !table;
    this.note.hidden = !table;
    if (!table) return;
    fill(this.scroller, drawn(table, results.series));
    text(this.note, table.note);
  }

  private toggle(label: string, field: "stars" | "pvalues"): HTMLButtonElement {
    return h("button", { class: "switch s", type: "button", role: "switch", "aria-checked": "false", onclick: () => {
      const button = this[field];
      mark(button, "aria-checked", String(!isOn(button))); // both are sent as they stand, however soon the next press
      this.connection.send("style", { stars: isOn(this.stars), pvalues: isOn(this.pvalues) });
    } }, label);
  }
}

const isOn = (button: Element): boolean => button.getAttribute("aria-checked") === "true";

function drawn(table: Table, series: Results["series"]): HTMLElement {
  const hang = table.sections.flat().some((row) => row.cells.some(([, tail]) => tail.includes("*")));
  const head = h("tr", {}, h("td", {}), table.heads.map((name, at) =>
    h("th", { class: "n", scope: "col" }, sample(series[at]), " ", h("span", { class: "colname", title: name }, name))));
  const sub = h("tr", {}, h("th", { scope: "row" }, table.corner), table.subheads.map((words) => h("td", { class: "n" }, h("span", { class: "subhead" }, words))));
  return h("table", { class: `reg${hang ? " starred" : ""}${table.heads.length === 1 ? " single" : table.heads.length > 3 ? " many" : ""}` }, h("thead", {}, head, sub), table.sections.map((rows) => h("tbody", {}, rows.map(line))));
}

function line(row: TableRow): HTMLElement {
  const label: Child = row.name ? h("code", { title: row.label }, row.label) : row.label;
  const first = row.label ? h("th", { scope: "row" }, label) : h("td", {});
  return h("tr", { class: row.kind === "error" ? "se" : null }, first, row.cells.map((cell) => (row.kind === "text" ? h("td", { class: "c" }, cell[0]) : number(cell))));
}

function number([core, tail, padding]: Cell): HTMLElement {
  return h("td", { class: "n" }, core, h("span", { class: "h" }, tail), padding && h("i", { "aria-hidden": "true" }, padding));
}
