// The controls of the page that are drawn from the schema of an option, one class for each way to give a value.
import { h, mark, text } from "../dom";
import { ColumnsPicker } from "./columns";
import { columns, newId, Picker } from "./controls";
import { Rows } from "./rows";
import type { Check, Choices, Field, Group, Option, Plain } from "./state";

const PAUSE = 250;

/** A field: its label, a control, and below them what the option does or what is wrong with it. */
export abstract class Control {
  protected readonly note = h("p", { class: "xs m note", id: newId("note") });
  protected readonly caption: HTMLElement;
  readonly element = h("div", { class: "opt" });

  constructor(
    protected readonly choices: Choices,
    protected readonly of: Group,
    protected readonly field: Field,
  ) {
    const star = field.required ? h("span", { class: "must", title: "required" }, " *") : null;
    this.caption = h("label", { id: newId("caption") }, field.label, star);
  }

  /** Show the value of the field, and at it the check that refuses it. */
  show(field: Field, refusal: Check | null): void {
    this.settle(field);
    this.note.classList.toggle("bad", refusal !== null);
    this.note.classList.toggle("m", refusal === null);
    text(this.note, refusal ? `✕ ${refusal.text} ${refusal.detail}`.trim() : field.help);
    for (const input of this.inputs()) mark(input, "aria-invalid", refusal ? "true" : null);
  }

  protected abstract settle(field: Field): void;
  /** The elements that take the focus. */
  protected abstract inputs(): HTMLElement[];

  protected send(value: Plain): number {
    return this.choices.setOption(this.of, this.field.name, value);
  }

  /** Put label, control and note together. */
  protected assemble(control: HTMLElement, input: HTMLElement): void {
    input.id = newId("field");
    this.caption.setAttribute("for", input.id);
    mark(input, "aria-describedby", this.note.id);
    if (this.field.required) mark(input, "aria-required", "true");
    this.element.append(this.caption, control, this.note);
  }
}

/** A text, a formula or a number, sent after a pause. */
class TextControl extends Control {
  private readonly input = h("input", { class: "fld", type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: 1000 });
  private readonly numeric: boolean;

  constructor(choices: Choices, of: Group, field: Field) {
    super(choices, of, field);
    this.numeric = field.kind === "count" || field.kind === "number";
    if (this.numeric) mark(this.input, "inputmode", field.kind === "count" ? "numeric" : "decimal");
    this.input.classList.add(this.numeric ? "num" : "codefld");
    this.element.classList.toggle("wide", field.kind === "formula" || field.kind === "text");
    choices.bind(this.input, (words) => this.send(this.read(words)), PAUSE);
    this.assemble(this.input, this.input);
  }

  protected settle(field: Field): void {
    mark(this.input, "placeholder", placeholder(field));
    if (this.read(this.input.value) !== field.value) this.choices.settle(this.input, field.value === null ? "" : String(field.value));
  }

  protected inputs(): HTMLElement[] {
    return [this.input];
  }

  /** Words that are no number go as they are, for Python to refuse them. */
  private read(words: string): Plain {
    const trimmed = words.trim();
    if (trimmed === "") return null;
    const number = Number(trimmed);
    return this.numeric && Number.isFinite(number) ? number : words;
  }
}

/** One of a few, by a native drop-down. */
class PickControl extends Control {
  private readonly picker: Picker;

  constructor(choices: Choices, of: Group, field: Field) {
    super(choices, of, field);
    const code = field.kind === "column" || field.kind === "level";
    this.picker = new Picker((key) => this.send(key === "" ? null : valueOf(field, key)), code);
    this.assemble(this.picker.element, this.picker.select);
  }

  protected settle(field: Field): void {
    const options = field.kind === "column" ? columns(this.choices.variables, nothing(field)) : choices(field);
    this.picker.show(options, field.value === null ? "" : keyOf(field.value), nothing(field));
  }

  protected inputs(): HTMLElement[] {
    return [this.picker.select];
  }
}

/** Yes or no, by a box. */
class FlagControl extends Control {
  private readonly box = h("input", { type: "checkbox" });

  constructor(choices: Choices, of: Group, field: Field) {
    super(choices, of, field);
    this.box.addEventListener("change", () => this.send(this.box.checked));
    const row = h("span", { class: "flag" }, this.box);
    this.assemble(row, this.box);
    row.append(h("label", { class: "yes", for: this.box.id, "aria-hidden": "true" }, "Yes"));
  }

  protected settle(field: Field): void {
    this.box.checked = Boolean(field.value ?? field.default);
  }

  protected inputs(): HTMLElement[] {
    return [this.box];
  }
}

/** Several columns, by a list of boxes that opens in place. */
class ColumnsControl extends Control {
  private readonly picker: ColumnsPicker;
  private chosen: string[] = [];

  constructor(choices: Choices, of: Group, field: Field) {
    super(choices, of, field);
    this.picker = new ColumnsPicker(this.caption, `Columns of ${field.label}`, (name) => this.toggle(name));
    mark(this.picker.button, "aria-describedby", this.note.id);
    this.element.classList.add("wide");
    this.element.append(this.picker.element, this.note);
  }

  protected settle(field: Field): void {
    this.chosen = Array.isArray(field.value) ? field.value.map(String) : [];
    const names = this.of === "reading" ? field.names : this.choices.variables.map(({ name }) => name);
    this.picker.show(this.chosen.join(" + "), names, new Set(this.chosen), names.length ? "" : "Not known yet");
  }

  protected inputs(): HTMLElement[] {
    return [this.picker.button];
  }

  private toggle(name: string): void {
    const others = this.chosen.filter((each) => each !== name);
    const next = others.length < this.chosen.length ? others : [...others, name];
    this.send(next.length ? next : null);
  }
}

/** Values by name, a row each. */
class RowsControl extends Control {
  private readonly rows: Rows;

  constructor(choices: Choices, of: Group, field: Field) {
    super(choices, of, field);
    this.rows = new Rows(choices, field, (value) => this.send(value));
    const caption = h("span", { class: "lab", id: this.caption.id }, ...this.caption.childNodes);
    this.element.classList.add("wide");
    mark(this.element, "role", "group");
    mark(this.element, "aria-labelledby", caption.id);
    mark(this.element, "aria-describedby", this.note.id);
    this.element.append(caption, this.rows.element, this.note);
  }

  protected settle(field: Field): void {
    this.rows.show(field);
  }

  protected inputs(): HTMLElement[] {
    return this.rows.inputs();
  }
}

/** Return the control for a field's kind; a level is chosen where the levels are known. */
export function controlFor(choices: Choices, of: Group, field: Field): Control {
  switch (field.kind) {
    case "choice":
    case "column":
      return new PickControl(choices, of, field);
    case "level":
      return field.names.length ? new PickControl(choices, of, field) : new TextControl(choices, of, field);
    case "flag":
      return field.optional ? new PickControl(choices, of, field) : new FlagControl(choices, of, field);
    case "columns":
      return new ColumnsControl(choices, of, field);
    case "numbers":
    case "choices":
    case "groups":
    case "settings":
      return new RowsControl(choices, of, field);
    default:
      return new TextControl(choices, of, field);
  }
}

/** What stands in the place of a choice that is not made. */
function nothing(field: Field): string {
  if (field.required) return field.kind === "column" ? "Choose a column" : "Choose";
  if (field.kind === "column") return "None";
  return field.default === null ? (said(field, null) ?? "Automatic") : wordsOf(field, field.default);
}

/** The declared words for a value, where there are some. */
function said(field: Field, value: Plain): string | undefined {
  return field.said.find(([one]) => one === value)?.[1];
}

function wordsOf(field: Field, value: Plain): string {
  return said(field, value) ?? keyOf(value);
}

function choices(field: Field): Option[] {
  const values = field.kind === "flag" ? [true, false] : field.kind === "level" ? field.names : field.choices;
  const others = values.filter((value) => value !== null && value !== field.default);
  return [{ key: "", label: nothing(field) }, ...others.map((value) => ({ key: keyOf(value), label: wordsOf(field, value) }))];
}

/** The key of a value in a drop-down. */
function keyOf(value: Plain): string {
  return value === true ? "Yes" : value === false ? "No" : String(value);
}

function valueOf(field: Field, key: string): Plain {
  if (field.kind === "flag") return key === "Yes";
  return field.choices.find((choice) => keyOf(choice) === key) ?? key;
}

/** The words for the default, the default, "Automatic" for a number that is left open, or else an example. */
function placeholder(field: Field): string {
  const words = said(field, field.default);
  if (words !== undefined) return words;
  if (field.default !== null && field.default !== "") return String(field.default);
  if (field.kind === "count" || field.kind === "number") return field.optional ? "Automatic" : "";
  return field.example === null || typeof field.example === "object" ? "" : `for example ${field.example}`;
}
