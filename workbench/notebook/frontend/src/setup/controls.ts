// Fields of the form: a labelled control, a drop-down that shows a note, a row of segments.
import { fill, h, mark, roving, text, type Child } from "../dom";
import type { Option, Variable } from "./state";

/** Several widgets share a page, and each counts for itself. */
const page = Math.random().toString(36).slice(2, 8);
let made = 0;
export const newId = (what: string): string => `wb-${page}-${what}-${++made}`;

/** A caption above a control that can be labelled. */
export function labelled(caption: string, control: HTMLElement, field: HTMLElement, wide = false): HTMLElement {
  field.id ||= newId("field");
  return h("div", { class: wide ? "wide" : null }, h("label", { for: field.id }, caption), control);
}

/** The columns to choose from, behind the choice of none. */
export function columns(variables: Variable[], none = "None"): Option[] {
  return [{ key: "", label: none }, ...variables.map(({ name }) => ({ key: name, label: name }))];
}

/** A native drop-down; closed, it shows the choice, a note in muted text, and an arrow. */
export class Picker {
  readonly select = h("select");
  private readonly choice = h("span", { class: "choice" });
  readonly element = h("div", { class: "fld" }, this.choice, h("span", { class: "ar", "aria-hidden": "true" }, "▾"), this.select);
  private drawn = "";

  constructor(
    choose: (key: string) => void,
    private readonly code = false,
  ) {
    this.select.addEventListener("change", () => choose(this.select.value));
  }

  /** List the options and show the chosen one; `empty` is the text when nothing is chosen. */
  show(options: Option[], chosen: string, empty = "None", disabled = ""): void {
    const signature = JSON.stringify(options);
    if (signature !== this.drawn) fill(this.select, options.map(item));
    this.drawn = signature;
    this.select.value = chosen;
    const option = options.find((one) => one.key === chosen);
    const quiet = disabled !== "" || !option || option.key === "";
    const name: Child = quiet ? h("span", { class: "m" }, disabled || option?.label || empty) : option.label;
    const shown = this.code && !quiet ? h("code", {}, name) : name;
    fill(this.choice, shown, !quiet && option.note ? h("span", { class: "m s" }, ` ${option.note}`) : null);
    this.select.disabled = disabled !== "" || options.length === 0;
    mark(this.element, "data-off", this.select.disabled);
    mark(this.element, "title", disabled || null);
  }
}

function item(option: Option): HTMLElement {
  const why = option.enabled === false && option.reason ? ` (${option.reason})` : "";
  const note = option.note ? ` · ${option.note}` : "";
  return h("option", { value: option.key, disabled: option.enabled === false }, `${option.label}${why || note}`);
}

/** A row of segments, one chosen; a greyed one says why when it is pressed or reached. */
export class Segments {
  readonly element: HTMLElement;
  private buttons: HTMLButtonElement[] = [];
  private drawn = "";

  constructor(
    label: string,
    private readonly choose: (key: string) => void,
    private readonly explain: (reason: string) => void,
    private readonly content: (option: Option) => Child[] = (option) => [option.label],
    kind = "seg",
  ) {
    this.element = h("div", { class: kind, role: "radiogroup", "aria-label": label });
    roving(this.element, () => this.buttons, (button) => this.press(button as HTMLButtonElement));
  }

  show(options: Option[], chosen: string): void {
    const signature = JSON.stringify(options);
    if (signature !== this.drawn) this.draw(options);
    this.drawn = signature;
    const known = options.some((option) => option.key === chosen);
    this.buttons.forEach((button, index) => {
      const on = button.dataset.key === chosen;
      mark(button, "aria-checked", String(on));
      if (!this.element.contains(document.activeElement)) button.tabIndex = on || (!known && index === 0) ? 0 : -1;
    });
  }

  private draw(options: Option[]): void {
    const held = (document.activeElement as HTMLElement | null)?.dataset.key;
    const inside = this.element.contains(document.activeElement);
    this.buttons = options.map((option) => this.button(option));
    fill(this.element, this.buttons);
    if (inside) this.buttons.find((button) => button.dataset.key === held)?.focus();
  }

  private button(option: Option): HTMLButtonElement {
    const off = option.enabled === false;
    return h("button", {
      type: "button", role: "radio", "data-key": option.key, "aria-disabled": off ? "true" : null, tabindex: -1,
      title: off ? option.reason : null, "data-reason": option.reason,
      onclick: (event: Event) => this.press(event.currentTarget as HTMLButtonElement),
    }, this.content(option));
  }

  private press(button: HTMLButtonElement): void {
    this.buttons.forEach((other) => (other.tabIndex = other === button ? 0 : -1));
    const off = button.getAttribute("aria-disabled") === "true";
    this.explain(off ? (button.dataset.reason ?? "") : "");
    if (!off) this.choose(button.dataset.key!);
  }
}

/** A line of muted text that takes no space while it is empty. */
export class Line {
  readonly element = h("p", { class: "s m line", hidden: true });

  say(sentence: string): void {
    this.element.hidden = sentence === "";
    text(this.element, sentence);
  }
}
