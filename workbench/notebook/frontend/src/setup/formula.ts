// The formula: typed or built from the list, completed by column names, checked as it is typed.
import { fill, h, mark, text } from "../dom";
import { count } from "../format";
import { newId } from "./controls";
import type { Check, Choices, LeftOut, Part, SetupState, Variable } from "./state";

const PAUSE = 120; // of the 300 ms between the last key and the message, the rest is for the kernel
const MOST = 8;

/** Build the formula field with its completions and the line below it. */
export function formulaPart(choices: Choices): Part {
  const field = new FormulaField(choices);
  return { element: field.element, show: (state) => field.show(state) };
}

/** The first rows left out, a missing value in words. */
function leftOut({ columns, rows }: LeftOut, all: number): HTMLElement {
  const words = rows.length < all ? `The first ${rows.length} of ${count(all)} rows left out` : "The rows left out";
  return h("table", { class: "num" }, h("caption", {}, words),
    h("thead", {}, h("tr", {}, ["Row", ...columns].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map(([row, ...values]) => h("tr", {}, h("th", { scope: "row" }, count(row)),
      values.map((value) => (value === null ? h("td", { class: "bad" }, "missing") : h("td", {}, value)))))));
}

class FormulaField {
  private readonly id = newId("formula");
  private readonly input = h("textarea", { id: this.id, rows: 1, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": `${this.id}-list`, "aria-describedby": `${this.id}-check` });
  private readonly mirror = h("div", { class: "mirror", "aria-hidden": "true" });
  private readonly box = h("div", { class: "fm" }, this.mirror, this.input);
  private readonly list = h("div", { class: "sug", role: "listbox", id: `${this.id}-list`, "aria-label": "Columns", hidden: true });
  private readonly line = h("p", { id: `${this.id}-check`, class: "s check" });
  private readonly caption = h("label", { for: this.id }, "Formula");
  private readonly rows = h("div", { class: "scr lost", id: `${this.id}-lost`, tabindex: 0, role: "group", "aria-label": "Rows left out", hidden: true });
  private readonly more = h("button", { class: "btn q s", type: "button", "aria-controls": `${this.id}-lost`, onclick: () => this.toggleRows() }, "Show them");
  readonly element = h("div", { class: "row formula" }, this.caption, this.box, this.line, this.list, this.rows);
  private found: Variable[] = [];
  private at = 0;
  private moved = false;
  private check: Check | null = null;
  private spoken = "";
  /** The data, the formula and the check that the rows left out belong to. */
  private about = "";

  constructor(private readonly choices: Choices) {
    this.input.addEventListener("input", () => this.onInput());
    choices.bind(this.input, (words) => choices.set("formula", words), PAUSE);
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.close());
    choices.connection.on("left_out", (found: LeftOut) => this.showRows(found));
  }

  show(state: SetupState): void {
    this.choices.settle(this.input, state.formula);
    this.check = state.check;
    text(this.caption, state.own ? "Formula for y and eta (may be left empty)" : "Formula");
    this.reflect();
    this.say(state);
  }

  private say(state: SetupState): void {
    const { check } = state;
    if (!state.data) return fill(this.line);
    const said = check.ok ? accepted(check) : check.of ? [] : this.refused(check); // the field of an option says it itself
    fill(this.line, said, check.ok && check.left_out > 0 && [" ", this.more]);
    const { kind, name, query } = state.data;
    const about = JSON.stringify([kind, name, query, state.formula, check.text]);
    if (about !== this.about) this.hideRows(); // other rows may be left out now
    this.about = about;
    const problem = check.field ? `${check.text} ${check.detail}` : "";
    if (problem && problem !== this.spoken) this.choices.connection.announce(problem, true);
    this.spoken = problem;
  }

  private toggleRows(): void {
    if (this.rows.hidden) this.choices.send("left_out", { about: this.about });
    else this.hideRows();
  }

  private hideRows(): void {
    this.rows.hidden = true;
    text(this.more, "Show them");
    mark(this.more, "aria-expanded", "false");
  }

  private showRows(found: LeftOut): void {
    if (found.about !== this.about) return; // an answer to an older check
    fill(this.rows, leftOut(found, this.check?.left_out ?? 0));
    this.rows.hidden = false;
    text(this.more, "Hide them");
    mark(this.more, "aria-expanded", "true");
  }

  private refused(check: Check): Node[] {
    const wrong = check.field !== "";
    const parts: Node[] = [h("b", { class: wrong ? "bad" : null }, wrong && "✕ ", check.text), h("span", {}, ` ${check.detail} `)];
    if (check.suggestion) {
      parts.push(h("button", { class: "btn sm fix", type: "button", onclick: () => this.choices.send("repair") }, `Use ${check.suggestion}`));
    }
    for (const level of check.levels.slice(0, MOST)) {
      parts.push(h("button", { class: "btn sm", type: "button", onclick: () => this.choices.set("positive", level) }, level), document.createTextNode(" "));
    }
    return parts;
  }

  /** Lay the same text under the field, with the wrong name underlined; it also gives the height. */
  private reflect(): void {
    const { value } = this.input;
    const wrong = this.check && !this.check.ok && this.check.suggestion ? this.check.where : "";
    const at = wrong ? value.search(new RegExp(`(?<![\\w.])${wrong.replace(/[^\w]/g, "\\$&")}(?![\\w.])`)) : -1;
    const pieces = at < 0 ? [value] : [value.slice(0, at), h("span", { class: "wv" }, wrong), value.slice(at + wrong.length)];
    fill(this.mirror, pieces, "\u200b");
    const bad = this.check?.field === "formula" && value.trim() !== "";
    this.box.classList.toggle("bad", bad);
    mark(this.input, "aria-invalid", bad ? "true" : null);
  }

  private onInput(): void {
    this.input.value = this.input.value.replace(/\n/g, " ");
    this.reflect();
    this.complete();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey) return;
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.move(event.key === "ArrowDown" ? 1 : -1);
    else if (open && (event.key === "Enter" || (event.key === "Tab" && this.moved))) this.accept(this.found[this.at]!);
    else if (open && event.key === "Escape") this.close();
    else if (event.key === "Enter" && this.check?.suggestion) this.choices.send("repair");
    else if (event.key !== "Enter") return;
    event.preventDefault();
  }

  private complete(): void {
    const [start, word] = this.word();
    this.found = word ? matches(word, this.choices.variables) : [];
    this.at = 0;
    this.moved = false;
    this.list.hidden = this.found.length === 0;
    if (this.list.hidden) return this.close();
    fill(this.list, this.found.map((variable, index) => this.option(variable, index)));
    this.list.style.marginLeft = `${this.indent(start)}px`;
    this.point();
  }

  private option(variable: Variable, index: number): HTMLElement {
    return h("div", { role: "option", id: `${this.id}-${index}`, onmousedown: (event: Event) => {
      event.preventDefault();
      this.accept(variable);
    } }, h("span", { class: "vn" }, variable.name), h("span", { class: "m" }, variable.note));
  }

  private point(): void {
    [...this.list.children].forEach((child, index) => mark(child, "aria-selected", String(index === this.at)));
    mark(this.input, "aria-activedescendant", `${this.id}-${this.at}`);
  }

  private move(by: number): void {
    this.moved = true;
    this.at = (this.at + by + this.found.length) % this.found.length;
    this.point();
  }

  private accept(variable: Variable): void {
    const [start, word] = this.word();
    const name = /^[^\W\d]\w*$/u.test(variable.name) ? variable.name : `\`${variable.name}\``;
    this.input.setRangeText(name, start, start + word.length, "end");
    this.input.dispatchEvent(new Event("input"));
    this.close();
  }

  private close(): void {
    this.list.hidden = true;
    mark(this.input, "aria-activedescendant", null);
  }

  /** The word that ends at the caret or continues through it, with its first position. */
  private word(): [number, string] {
    const { value, selectionStart: caret } = this.input;
    const before = /[\p{L}_][\p{L}\p{N}_.]*$/u.exec(value.slice(0, caret))?.[0] ?? "";
    const after = before ? (/^[\p{L}\p{N}_.]*/u.exec(value.slice(caret))?.[0] ?? "") : "";
    return [caret - before.length, before + after];
  }

  /** How far right the list may stand so that it begins below the word and stays inside. */
  private indent(start: number): number {
    const range = document.createRange();
    const node = this.mirror.firstChild;
    if (!(node instanceof Text) || start > node.length) return 0;
    range.setStart(node, start);
    range.setEnd(node, start);
    const left = range.getBoundingClientRect().left - this.box.getBoundingClientRect().left;
    return Math.max(0, Math.min(left, this.box.clientWidth - 332));
  }
}

function accepted(check: Check): Node[] {
  return [h("span", { class: "good" }, "✓ "), document.createTextNode(check.text), h("span", { class: "m" }, ` ${check.detail}`)];
}

/** Columns that begin with the word, then those that contain it, then those spelt nearly so. */
function matches(word: string, variables: Variable[]): Variable[] {
  const wanted = word.toLowerCase();
  if (variables.some((variable) => variable.name === word)) return [];
  const rank = (name: string): number => {
    const lower = name.toLowerCase();
    if (lower.startsWith(wanted)) return 0;
    if (wanted.length > 1 && lower.includes(wanted)) return 1;
    const shared = Math.max(3, Math.ceil(wanted.length / 2));
    return wanted.length > 3 && lower.startsWith(wanted.slice(0, -1)) ? 2 : lower.startsWith(wanted.slice(0, shared)) ? 3 : 4;
  };
  return variables
    .map((variable, index) => ({ variable, index, rank: rank(variable.name) }))
    .filter((one) => one.rank < 4)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, MOST)
    .map((one) => one.variable);
}
