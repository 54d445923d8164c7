// Several columns: a button that shows them, and below it, when it is pressed, a list of boxes.
import { fill, h, mark, roving, text } from "../dom";
import { newId } from "./controls";

const MOST = 200;

/** A list of columns with boxes that opens in place; `toggle` is called with the column of a box that changed. */
export class ColumnsPicker {
  private readonly list: HTMLElement;
  private readonly choice = h("span", { class: "choice" });
  readonly button = h("button", { class: "fld", type: "button", "aria-expanded": "false", "aria-haspopup": "true",
    onclick: () => this.open() }, this.choice, h("span", { class: "ar", "aria-hidden": "true" }, "▾"));
  readonly element: HTMLElement;
  private drawn = "";

  constructor(caption: HTMLElement, label: string, private readonly toggle: (name: string) => void, private readonly further = "") {
    this.list = h("div", { class: "pick effects", hidden: true, role: "group", "aria-label": label });
    this.button.id = newId("field");
    this.choice.id = newId("choice");
    caption.id ||= newId("caption");
    mark(caption, "for", this.button.id);
    mark(this.button, "aria-labelledby", `${caption.id} ${this.choice.id}`);
    this.element = h("div", { class: "picker wide", onkeydown: (event: KeyboardEvent) => this.onKey(event) }, caption, this.button, this.list);
    this.element.addEventListener("focusout", (event) => this.onLeave(event));
    roving(this.list, () => this.boxes());
  }

  /** Show what is chosen, and the columns to choose from; `disabled` is the reason why none can be. */
  show(chosen: string, names: string[], on: Set<string>, disabled = ""): void {
    this.button.disabled = disabled !== "";
    mark(this.button, "data-off", this.button.disabled);
    text(this.choice, chosen || disabled || "None");
    this.choice.className = chosen ? "choice code" : "choice m";
    const drawn = JSON.stringify([names, [...on]]);
    if (drawn !== this.drawn) this.draw(names, on);
    this.drawn = drawn;
  }

  private draw(names: string[], on: Set<string>): void {
    const held = (document.activeElement as HTMLElement | null)?.dataset.effect;
    const first = held ?? names.find((name) => on.has(name)) ?? names[0];
    fill(this.list, names.slice(0, MOST).map((name) => this.row(name, on.has(name), name === first)),
      names.length > MOST && h("p", { class: "m s" }, this.further));
    if (held) this.boxes().find((box) => box.dataset.effect === held)?.focus();
  }

  private row(name: string, on: boolean, stop: boolean): HTMLElement {
    const box = h("input", { type: "checkbox", "data-effect": name, tabindex: stop ? 0 : -1, onchange: () => this.toggle(name) });
    box.checked = on;
    return h("label", {}, box, h("code", {}, name));
  }

  private boxes(): HTMLInputElement[] {
    return [...this.list.querySelectorAll<HTMLInputElement>("input")];
  }

  private open(open = this.list.hidden): void {
    this.list.hidden = !open;
    mark(this.button, "aria-expanded", String(open));
    if (open) (this.boxes().find((box) => box.tabIndex === 0) ?? this.boxes()[0])?.focus();
  }

  private onKey(event: KeyboardEvent): void {
    const closed = this.list.hidden;
    if (closed && event.key === "ArrowDown") this.open(true);
    else if (!closed && event.key === "Enter" && event.target instanceof HTMLInputElement) event.target.click();
    else if (!closed && event.key === "Escape") this.close();
    else return;
    event.preventDefault(); // the first Escape closes the list, the next one leaves the widget
    event.stopPropagation();
  }

  private close(): void {
    this.open(false);
    this.button.focus();
  }

  private onLeave(event: FocusEvent): void {
    const to = event.relatedTarget;
    if (to instanceof Node && !this.element.contains(to) && !this.list.hidden) this.open(false);
  }
}
