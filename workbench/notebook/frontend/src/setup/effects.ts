// The fixed effects: a list of columns with boxes that opens in place and stays in step with the formula.
import { fill, h, mark, roving, text } from "../dom";
import { newId } from "./controls";
import type { Desk, SetupState } from "./state";

const MOST = 200;

/** A button that shows the effects, and below it, when it is pressed, the columns to choose from. */
export class EffectsPicker {
  private readonly list = h("div", { class: "pick effects", hidden: true, role: "group", "aria-label": "Columns to absorb" });
  private readonly face = h("span", { class: "face" });
  readonly button = h("button", { class: "fld", type: "button", "aria-expanded": "false", "aria-haspopup": "true",
    onclick: () => this.toggle() }, this.face, h("span", { class: "ar", "aria-hidden": "true" }, "▾"));
  readonly element: HTMLElement;
  private drawn = "";

  constructor(private readonly desk: Desk) {
    const caption = newId("effects");
    this.button.id = newId("field");
    this.face.id = newId("face");
    mark(this.button, "aria-labelledby", `${caption} ${this.face.id}`);
    this.element = h("div", { class: "picker wide", onkeydown: (event: KeyboardEvent) => this.onKey(event) },
      h("label", { id: caption, for: this.button.id }, "Fixed effects"), this.button, this.list);
    this.element.addEventListener("focusout", (event) => this.onLeave(event));
    roving(this.list, () => this.boxes());
  }

  show(state: SetupState): void {
    this.button.disabled = state.model_hint !== "" && !state.effects;
    mark(this.button, "data-off", this.button.disabled);
    text(this.face, state.effects || (this.button.disabled ? "Not with choices" : "None"));
    this.face.className = state.effects ? "face code" : "face m";
    const terms = state.effects.split("+").map((term) => term.trim().replace(/^`|`$/g, ""));
    const names = this.desk.variables.map(({ name }) => name).filter((name) => !(state.roles[name] ?? "").includes("y"));
    const drawn = JSON.stringify([names, terms]);
    if (drawn !== this.drawn) this.draw(names, new Set(terms));
    this.drawn = drawn;
  }

  private draw(names: string[], terms: Set<string>): void {
    const held = (document.activeElement as HTMLElement | null)?.dataset.effect;
    const first = held ?? names.find((name) => terms.has(name)) ?? names[0];
    fill(this.list, names.slice(0, MOST).map((name) => this.row(name, terms.has(name), name === first)),
      names.length > MOST && h("p", { class: "m s" }, "Write further columns into the formula, behind |."));
    if (held) this.boxes().find((box) => box.dataset.effect === held)?.focus();
  }

  private row(name: string, on: boolean, stop: boolean): HTMLElement {
    const box = h("input", { type: "checkbox", "data-effect": name, tabindex: stop ? 0 : -1,
      onchange: () => this.desk.send("role", { name, role: "f" }) });
    box.checked = on;
    return h("label", {}, box, h("code", {}, name));
  }

  private boxes(): HTMLInputElement[] {
    return [...this.list.querySelectorAll<HTMLInputElement>("input")];
  }

  private toggle(open = this.list.hidden): void {
    this.list.hidden = !open;
    mark(this.button, "aria-expanded", String(open));
    if (open) (this.boxes().find((box) => box.tabIndex === 0) ?? this.boxes()[0])?.focus();
  }

  private onKey(event: KeyboardEvent): void {
    const closed = this.list.hidden;
    if (closed && event.key === "ArrowDown") this.toggle(true);
    else if (!closed && event.key === "Enter" && event.target instanceof HTMLInputElement) event.target.click();
    else if (!closed && event.key === "Escape") this.close();
    else return;
    event.preventDefault(); // the first Escape closes the list, the next one leaves the widget
    event.stopPropagation();
  }

  private close(): void {
    this.toggle(false);
    this.button.focus();
  }

  private onLeave(event: FocusEvent): void {
    const to = event.relatedTarget;
    if (to instanceof Node && !this.element.contains(to) && !this.list.hidden) this.toggle(false);
  }
}
