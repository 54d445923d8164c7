// "Overlay another run…": a list in place, with a box for every run that can be on the charts.
import { fill, h, mark } from "../dom";
import { MOST_SHOWN } from "./shown";
import type { Run } from "./store";

export class Picker {
  private readonly list = h("div", { class: "pick", hidden: true, role: "group", "aria-label": "Runs on the charts" });
  private readonly button = h("button", { class: "btn sm", type: "button", "aria-expanded": "false", onclick: () => this.toggle() }, "Overlay another run…");
  readonly element = h("div", { class: "picker", onkeydown: (event: KeyboardEvent) => this.onKey(event) }, this.button, this.list);
  private drawn = "";

  constructor(private readonly choose: (run: string, on: boolean) => void) {
    this.element.addEventListener("focusout", (event) => this.onLeave(event));
  }

  update(runs: Run[], shown: string[]): void {
    mark(this.element, "hidden", runs.length < 2 && shown.length === runs.length);
    const drawn = JSON.stringify([runs.map(({ card }) => [card.id, card.name, card.status_label]), shown]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const full = shown.length >= MOST_SHOWN;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.pick;
    fill(this.list, runs.map((run) => this.row(run, shown.includes(run.card.id), full)),
      full && h("p", { class: "m s" }, `At most ${MOST_SHOWN} runs fit on the charts.`));
    if (focused) this.list.querySelector<HTMLElement>(`[data-pick="${focused}"]`)?.focus();
  }

  private row({ card }: Run, on: boolean, full: boolean): HTMLElement {
    const box = h("input", { type: "checkbox", "data-pick": card.id, checked: on, disabled: !on && full,
      onchange: (event: Event) => this.choose(card.id, (event.target as HTMLInputElement).checked) });
    return h("label", {}, box, h("b", {}, card.name), h("span", { class: "m s" }, card.model), h("span", { class: `chip ${card.tone}` }, card.status_label));
  }

  private toggle(open = this.list.hidden): void {
    this.list.hidden = !open;
    mark(this.button, "aria-expanded", String(open));
    (open ? this.list.querySelector<HTMLElement>("input:not([disabled])") : this.button)?.focus();
  }

  private onLeave(event: FocusEvent): void {
    const to = event.relatedTarget;
    if (to instanceof Node && !this.element.contains(to) && !this.list.hidden) this.close();
  }

  private close(): void {
    this.list.hidden = true;
    mark(this.button, "aria-expanded", "false");
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape" || this.list.hidden) return;
    event.preventDefault(); // the first Escape closes the list, the next one leaves the widget
    this.toggle(false);
  }
}
