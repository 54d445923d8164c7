// Values by name: a row for each name, with a number, a choice or a list, which can be added and removed.
import { fill, h, mark } from "../dom";
import { newId, Picker } from "./controls";
import type { Choices, Field, Plain } from "./state";

const PAUSE = 250;

/** One row: the name, the value that goes with it, and how both are read. */
interface Row {
  element: HTMLElement;
  name: HTMLInputElement;
  inputs: HTMLElement[];
  value(): Plain;
}

/** The rows of one field; complete ones are sent, together. */
export class Rows {
  private readonly list = h("div", { class: "rows" });
  private readonly known = h("datalist", { id: newId("names") });
  private readonly add = h("button", { class: "btn sm", type: "button", onclick: () => this.added() }, "+ Add");
  readonly element = h("div", {}, this.list, this.known, this.add);
  private rows: Row[] = [];
  private sent = 0;

  constructor(
    private readonly choices: Choices,
    private field: Field,
    private readonly send: (value: Plain) => number,
  ) {
    mark(this.add, "aria-label", `Add to ${field.label}`);
  }

  inputs(): HTMLElement[] {
    return this.rows.flatMap(({ name, inputs }) => [name, ...inputs]);
  }

  show(field: Field): void {
    this.field = field;
    const names = field.kind === "groups" ? [] : field.names;
    if (names.join("\n") !== [...this.known.children].map((one) => (one as HTMLOptionElement).value).join("\n")) {
      fill(this.known, names.map((value) => h("option", { value })));
    }
    const value = (field.value ?? {}) as Record<string, Plain>;
    const newer = this.choices.holds(this) || this.choices.state.serial < this.sent;
    if (!newer && !same(value, this.collect())) this.draw(Object.entries(value));
    if (!this.rows.length && field.required) this.draw([["", null]]);
    this.rows.forEach((row, at) => mark(row.name, "placeholder", namePlaceholder(field, at)));
  }

  private draw(entries: [string, Plain][]): void {
    this.rows = entries.map(([name, value], at) => this.row(name, value, at));
    fill(this.list, this.rows.map(({ element }) => element));
  }

  private added(): void {
    const row = this.row("", null, this.rows.length);
    this.rows.push(row);
    this.list.append(row.element);
    mark(row.name, "placeholder", namePlaceholder(this.field, this.rows.length - 1));
    row.name.focus();
  }

  private row(given: string, value: Plain, at: number): Row {
    const { label, kind, choices } = this.field;
    const name = h("input", { class: "fld codefld", type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      "aria-label": `${label}, name ${at + 1}`, list: kind === "groups" ? null : this.known.id, maxlength: 200, oninput: () => this.later() });
    name.value = given;
    const caption = `${label}, value ${at + 1}`;
    const part = kind === "choices" ? this.choice(choices, value, caption)
      : kind === "groups" ? this.members(value, caption) : this.words(value, caption, at);
    const remove = h("button", { class: "btn sm", type: "button", "aria-label": `Remove ${label} ${at + 1}`, onclick: () => this.removed(row) }, "✕");
    const row: Row = { element: h("div", { class: `each ${kind}` }, name, part.element, remove), name, inputs: part.inputs, value: part.value };
    return row;
  }

  private choice(choices: Plain[], value: Plain, caption: string): Pick<Row, "element" | "inputs" | "value"> {
    const options = choices.map((each) => ({ key: String(each), label: String(each) }));
    let key = String(value ?? choices[0] ?? "");
    const picker = new Picker((chosen) => {
      picker.show(options, (key = chosen));
      this.now();
    });
    mark(picker.select, "aria-label", caption);
    picker.show(options, key);
    return { element: picker.element, inputs: [picker.select], value: () => key };
  }

  private words(value: Plain, caption: string, at: number): Pick<Row, "element" | "inputs" | "value"> {
    const example = Object.values((this.field.example ?? {}) as object)[at];
    const input = h("input", { class: "fld num", type: "text", spellcheck: "false", "aria-label": caption, maxlength: 1000,
      placeholder: example === undefined ? "a value" : `for example ${example}`, oninput: () => this.later() });
    input.value = value === null ? "" : String(value);
    return { element: input, inputs: [input], value: () => number(input.value) };
  }

  private members(value: Plain, caption: string): Pick<Row, "element" | "inputs" | "value"> {
    const held = Array.isArray(value) ? value.map(String) : [];
    const { names } = this.field;
    if (names.length && held.every((member) => names.includes(member))) return this.boxes(names, held, caption);
    const input = h("input", { class: "fld codefld", type: "text", spellcheck: "false", autocapitalize: "off", "aria-label": caption, maxlength: 2000,
      placeholder: "names, with commas between", oninput: () => this.later() });
    input.value = held.join(", ");
    return { element: input, inputs: [input], value: () => listed(input.value) };
  }

  private boxes(names: string[], held: string[], caption: string): Pick<Row, "element" | "inputs" | "value"> {
    const boxes = names.map((member) => h("input", { type: "checkbox", value: member, onchange: () => this.now() }));
    boxes.forEach((box) => (box.checked = held.includes(box.value)));
    const element = h("div", { class: "boxes", role: "group", "aria-label": caption }, boxes.map((box) => h("label", {}, box, h("code", {}, box.value))));
    const chosen = (): string[] => boxes.filter((box) => box.checked).map((box) => box.value);
    return { element, inputs: [], value: () => (chosen().length ? chosen() : null) };
  }

  private removed(row: Row): void {
    const at = this.rows.indexOf(row);
    this.rows.splice(at, 1);
    row.element.remove();
    (this.rows[Math.min(at, this.rows.length - 1)]?.name ?? this.add).focus();
    this.now();
  }

  private later(): void {
    this.choices.later(this, () => this.now(), PAUSE);
  }

  private now(): void {
    this.choices.forget(this);
    const value = this.collect();
    this.sent = this.send(Object.keys(value).length ? value : null);
  }

  /** The rows that have both a name and a value. */
  private collect(): Record<string, Plain> {
    const pairs = this.rows.map((row): [string, Plain] => [row.name.value.trim(), row.value()]);
    return Object.fromEntries(pairs.filter(([name, value]) => name !== "" && value !== null));
  }
}

/** What an empty name says: what it names, with an example. */
function namePlaceholder({ key, example }: Field, at: number): string {
  const name = Object.keys((example ?? {}) as object)[at];
  return name === undefined ? `a ${key}` : `a ${key}, for example ${name}`;
}

function number(words: string): Plain {
  const trimmed = words.trim();
  if (trimmed === "") return null;
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

function listed(words: string): Plain {
  const members = words.split(",").map((member) => member.trim()).filter((member) => member !== "");
  return members.length ? members : null;
}

/** Whether two mappings hold the same, in whatever order. */
function same(one: Record<string, Plain>, other: Record<string, Plain>): boolean {
  const sorted = (each: Record<string, Plain>): string => JSON.stringify(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(one) === sorted(other);
}
