// The list of runs: compare, star, rename, delete with ten seconds to undo, back to Setup.
import type { Connection } from "../connection";
import { fill, h, mark, rich, text } from "../dom";
import { magnifier } from "../setup/variables";
import { newId } from "../setup/controls";
import type { Results, RunRow } from "./state";

const UNDO = 10_000;
const GONE = "The kernel is gone.";
const HELP = "Space compares, asterisk stars, F2 renames, Delete deletes, E edits in Setup, arrows move.";

/** The left column of the Results page. */
export class RunsPart {
  private readonly title = newId("runs");
  private readonly help = newId("runs-help");
  private readonly count = h("small");
  private readonly search = h("input", { type: "search", class: "find-field", placeholder: "Find a run", "aria-label": "Find a run", "aria-keyshortcuts": "/" });
  private readonly list = h("ul", { class: "rl", "aria-labelledby": this.title });
  private readonly tools = h("div", { class: "acts", role: "toolbar" });
  /** What can be brought back; it stays in sight when the list is empty. */
  readonly deleted = h("div", { role: "status" });
  readonly element = h("section", { "aria-labelledby": this.title },
    h("h3", { id: this.title }, "Runs ", this.count), h("div", { class: "fld find" }, magnifier(), this.search),
    this.tools, this.list, h("span", { class: "sr", id: this.help }, HELP));
  private active = "";
  /** Whether the person has marked a run; until then the mark is on the first. */
  private marked = false;
  private renaming = "";

  constructor(private readonly connection: Connection) {
    this.search.addEventListener("input", () => this.show());
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("focusin", () => (this.marked = true));
  }

  private get rows(): RunRow[] {
    return this.connection.get<RunRow[]>("runs") ?? [];
  }

  private get compared(): string[] {
    return this.connection.get<Results>("results")?.ids ?? [];
  }

  focusSearch(): void {
    this.search.focus();
  }

  show(): void {
    if (this.renaming) return;
    const wanted = this.search.value.trim().toLowerCase();
    const rows = this.rows.filter((row) => `${row.name} ${row.model} ${row.status_label} ${row.data} ${row.formula}`.toLowerCase().includes(wanted));
    const had = this.list.contains(document.activeElement);
    if (!this.marked || !rows.some((row) => row.id === this.active)) this.active = rows[0]?.id ?? "";
    text(this.count, `${this.compared.length} of ${this.rows.length} compared`);
    fill(this.list, rows.map((row) => this.item(row)));
    this.list.hidden = rows.length === 0;
    this.point();
    if (had) this.box(this.active)?.focus();
  }

  private item(row: RunRow): HTMLElement {
    const on = this.compared.includes(row.id);
    const alive = this.connection.alive;
    const lost = !alive && going(row) && row.state !== "elsewhere";
    const [label, tone, sentence] = lost ? ["! Kernel gone", "warn", "Interrupted, can be resumed."] : [row.status_label, row.tone, row.sentence];
    const usable = row.comparable && alive;
    const why = !row.comparable ? row.reason : alive ? "" : GONE;
    const box = h("span", { class: "cb", role: "checkbox", tabindex: row.id === this.active ? 0 : -1, "aria-checked": String(on), "data-run": row.id,
      "aria-disabled": usable ? null : "true", "aria-label": `Compare ${row.name}, ${label.slice(2)}${why ? `. ${why}` : ""}`, "aria-describedby": this.help,
      title: why || null, onclick: () => (this.activate(row.id), this.toggle(row)) }, on ? "✓" : "");
    const star = h("button", { class: "star", type: "button", tabindex: -1, "aria-pressed": String(row.starred), "aria-label": `Star ${row.name}`,
      disabled: !alive, title: alive ? null : GONE, onclick: () => this.connection.send("star", { id: row.id }) }, row.starred ? "★" : "☆");
    const name = h("span", { class: "n", title: row.name, ondblclick: () => this.rename(row) }, row.name);
    const figures = [row.model, row.n && `n = ${row.n}`, `log-lik. ${row.loglik || "—"}`].filter(Boolean).join(", ");
    return h("li", { class: on ? "on" : null, "data-run": row.id, onclick: () => this.activate(row.id) }, box, star,
      h("span", { class: "h" }, name, h("span", { class: `chip ${tone}` }, label)),
      h("span", { class: "b stated", title: `${row.data}: ${row.formula}` }, row.data, row.formula && [": ", h("code", {}, row.formula)]),
      h("span", { class: "b num" }, figures), h("span", { class: "b" }, rich(sentence)));
  }

  /** Buttons for the run that has the mark; each has its key too. */
  private showTools(): void {
    const row = this.rows.find((one) => one.id === this.active);
    this.tools.hidden = !row || !this.connection.alive;
    if (!row) return;
    mark(this.tools, "aria-label", `What to do with ${row.name}`);
    const button = (label: string, key: string, act: () => void): HTMLElement =>
      h("button", { class: "btn sm", type: "button", "aria-keyshortcuts": key, title: `Key on the run: ${key}`, onclick: act }, label);
    fill(this.tools, row.resumable && button("Resume", "r", () => this.resume(row)), button("Edit in Setup", "e", () => this.edit(row)),
      button("Rename", "F2", () => this.rename(row)), !going(row) && button("Delete", "Delete", () => this.remove(row)));
  }

  private activate(run: string): void {
    this.marked = true;
    this.active = run;
    this.point();
  }

  /** Show which run has the mark, and what can be done with it. */
  private point(): void {
    const run = this.active;
    this.list.querySelectorAll<HTMLElement>(".cb").forEach((box) => (box.tabIndex = box.dataset.run === run ? 0 : -1));
    this.list.querySelectorAll<HTMLElement>("li").forEach((item) => item.classList.toggle("at", item.dataset.run === run));
    this.showTools();
  }

  private box(run: string): HTMLElement | null {
    return [...this.list.querySelectorAll<HTMLElement>(".cb")].find((box) => box.dataset.run === run) ?? null;
  }

  private onKey(event: KeyboardEvent): void {
    const row = this.rows.find((one) => one.id === this.active);
    const inBox = (event.target as HTMLElement).matches(".cb");
    if (!row || !inBox || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      " ": () => this.toggle(row), "*": () => this.connection.send("star", { id: row.id }), F2: () => this.rename(row),
      Delete: () => this.remove(row), e: () => this.edit(row), r: () => this.resume(row),
      ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), Home: () => this.step(-Infinity), End: () => this.step(Infinity),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  private step(by: number): void {
    const boxes = [...this.list.querySelectorAll<HTMLElement>(".cb")];
    const at = boxes.findIndex((box) => box.dataset.run === this.active);
    const next = boxes[Math.max(0, Math.min(boxes.length - 1, at + by))];
    if (!next) return;
    this.activate(next.dataset.run!);
    next.focus();
  }

  private toggle(row: RunRow): void {
    if (!row.comparable) return this.connection.announce(row.reason);
    if (!this.connection.alive) return this.connection.announce(GONE);
    const ids = this.compared;
    this.connection.send("compare", { ids: ids.includes(row.id) ? ids.filter((id) => id !== row.id) : [...ids, row.id] });
  }

  private edit(row: RunRow): void {
    this.connection.send("edit", { id: row.id });
  }

  private resume(row: RunRow): void {
    if (row.resumable) this.connection.send("reopen", { id: row.id });
  }

  private remove(row: RunRow): void {
    if (going(row)) return this.connection.announce(row.state === "elsewhere" ? "Another kernel works on the run." : "Cancel the run on the Run tab first.");
    const rows = this.rows;
    const at = rows.findIndex((one) => one.id === row.id);
    this.activate((rows[at + 1] ?? rows[at - 1])?.id ?? "");
    this.connection.send("delete", { id: row.id });
    this.offerUndo(row);
  }

  private offerUndo(row: RunRow): void {
    const line = h("p", { class: "s line undo" });
    const back = h("button", { class: "btn sm", type: "button", onclick: () => {
      this.connection.send("undo", { id: row.id });
      line.remove();
    } }, "Undo");
    fill(line, "Deleted ", h("b", {}, row.name), ". ", back);
    this.deleted.append(line);
    window.setTimeout(() => line.remove(), UNDO);
  }

  /** Turn the name into a field, in place; Enter keeps it, Escape leaves it as it was. */
  private rename(row: RunRow): void {
    const name = this.list.querySelector<HTMLElement>(`li[data-run="${row.id}"] .n`);
    if (!name || !this.connection.alive) return;
    const field = h("input", { class: "rename", type: "text", "aria-label": `New name of ${row.name}`, maxlength: 200 });
    field.value = row.name;
    const close = (keep: boolean): void => {
      if (this.renaming !== row.id) return;
      this.renaming = "";
      if (keep && field.value.trim()) this.connection.send("rename", { id: row.id, name: field.value.trim() });
      this.show();
      this.box(row.id)?.focus();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close(event.key === "Enter");
    });
    field.addEventListener("blur", () => close(true));
    this.renaming = row.id;
    name.replaceWith(field);
    field.select();
  }
}

const going = (row: RunRow): boolean => ["running", "paused", "stopping", "elsewhere"].includes(row.state);
