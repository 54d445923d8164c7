// The card of one run: its name, its progress, and the buttons that steer it.
import { h, mark, text, unbroken } from "../dom";
import { clock, count, fixed, seconds } from "../format";
import { swatch } from "../charts/palette";
import { isGoing, type Card, type Phase, type Stage } from "./card";
import type { Steer } from "./steering";
import { elapsed, type Run } from "./store";

const ASK_AFTER = 10;
const SILENT: Record<string, string> = { demean: "No demeaning", optimize: "No optimizing", report: "No report" };

/** What a card may do on the page it stands on. */
export interface Actions {
  steer(action: Steer, run: string): void;
  remedy(action: string, run: string): void;
  compare: ((run: string) => void) | null;
  /** Whether the page offers buttons at all; a blocking cell's view has none. */
  steerable: boolean;
}

export class CardView {
  readonly element: HTMLElement;
  private readonly line = h("span", { class: "line" });
  private readonly name = h("b");
  private readonly model = h("span", { class: "m s" });
  private readonly label = h("span", { class: "chip" });
  private readonly phases = h("div", { class: "ph", role: "list", "aria-label": "Phases" });
  private readonly stages = h("div", { class: "st", role: "list", "aria-label": "Draws", hidden: true });
  private readonly figures = ["Step", "Evaluations", "Elapsed", "Log-likelihood"].map((label) => [label, h("dd")] as const);
  private readonly sentence = h("p", { class: "s m" });
  private readonly warning = h("p", { class: "s warning", hidden: true });
  private readonly buttons = h("div", { class: "bt" });
  private drawn = "";
  private confirming = false;
  private slot = 0;

  constructor(
    private run: Run,
    private readonly actions: Actions,
  ) {
    this.element = h("article", { class: "rc", "data-run": run.card.id, onkeydown: (event: KeyboardEvent) => this.onKey(event) },
      h("div", { class: "t" }, this.line, this.name, this.model, h("span", { class: "grow" }), this.label),
      this.phases, this.stages,
      h("dl", { class: "tl" }, this.figures.map(([label, value]) => h("div", {}, h("dt", {}, label), value))),
      this.sentence, this.warning, this.buttons);
  }

  /** Bring everything up to date; `slot` is the run's place on the charts. */
  update(run: Run, slot: number, alive: boolean): void {
    this.run = run;
    this.slot = slot;
    const { card } = run;
    mark(this.element, "aria-label", `Run ${card.name}`);
    text(this.name, card.name);
    text(this.model, card.model === card.name ? "" : card.model);
    this.showLabel(card, alive);
    this.showFigures(run, alive);
    text(this.sentence, unbroken(alive || !isGoing(card) ? card.sentence : gone(card)));
    this.showStages(card);
    const drawn = JSON.stringify([slot, card.phases, card.state, alive, this.confirming, card.remedies]);
    if (drawn !== this.drawn) this.redraw(card, alive);
    this.drawn = drawn;
  }

  /** Show a sentence on what prevents a command; null takes it away. */
  warn(sentence: string | null): void {
    this.warning.hidden = sentence === null;
    text(this.warning, sentence ?? "");
  }

  private showLabel(card: Card, alive: boolean): void {
    const lost = !alive && isGoing(card);
    text(this.label, lost ? "! Kernel gone" : card.status_label);
    mark(this.label, "class", `chip ${lost ? "warn" : card.tone}`);
  }

  private showFigures(run: Run, alive: boolean): void {
    const { card } = run;
    const values = [count(card.step), count(card.evaluations), isGoing(card) ? clock(elapsed(run, alive)) : seconds(card.elapsed), fixed(card.loglik, isGoing(card) ? 2 : 3)];
    this.figures.forEach(([, value], index) => text(value, values[index] || "–"));
  }

  private showStages(card: Card): void {
    const { stages, phases } = card;
    const optimizing = phases.some(({ key, state }) => key === "optimize" && state === "current");
    mark(this.stages, "hidden", !stages.length);
    const digits = isGoing(card) ? 2 : 3;
    const words = stages.map((stage, index) => stageWords(stage, optimizing && index === stages.length - 1, digits));
    const same = words.length === this.stages.childElementCount && words.every((word, index) => this.stages.children[index]!.textContent === word);
    if (!same) this.stages.replaceChildren(...words.map((word) => h("span", { role: "listitem" }, word)));
  }

  private redraw(card: Card, alive: boolean): void {
    const focused = this.buttons.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.action : undefined;
    this.line.replaceChildren(swatch(this.slot));
    this.phases.replaceChildren(...card.phases.map(phase));
    this.buttons.replaceChildren(...(this.actions.steerable ? this.controls(card, alive) : []));
    this.buttons.hidden = !this.buttons.childElementCount;
    if (focused) (this.buttons.querySelector<HTMLElement>(`[data-action="${focused}"]`) ?? this.buttons.querySelector("button"))?.focus();
  }

  private controls(card: Card, alive: boolean): HTMLElement[] {
    if (this.confirming && isGoing(card)) return this.question();
    const off = alive ? null : "The kernel is gone";
    if (card.state === "stopping") return [this.button("stop", "■ Stopping…", "The evaluation under way ends first")];
    if (isGoing(card)) {
      const hold = card.state === "paused" ? this.button("resume", "▶ Continue", off, "p", "Shift+P") : this.button("pause", "❚❚ Pause", off, "", "Shift+P");
      const early = card.phases.some(({ key, state }) => key === "demean" && state === "current");
      const stop = early ? this.button("stop", "■ Stop", off, "", "Shift+S", "There is no estimate to keep yet") : this.button("stop", "■ Stop, keep result", off, "", "Shift+S");
      return [hold, stop, h("span", { class: "grow" }), this.button("cancel", "✕ Cancel", off)];
    }
    const remedies = card.remedies.filter(({ able, action }) => able && action !== "keep").map((remedy) => this.button(remedy.action, remedy.label, off, "", undefined, remedy.help));
    const compare = card.comparable ? this.actions.compare : null;
    const look = compare ? [h("button", { class: "btn", type: "button", "data-action": "compare", onclick: () => compare(card.id) }, "Compare")] : [];
    return [...look, ...remedies];
  }

  private question(): HTMLElement[] {
    return [
      h("span", { class: "s ask" }, "Drop this run and its result?"),
      this.button("cancel", "✕ Yes, cancel", null),
      h("button", { class: "btn", type: "button", "data-action": "keep", onclick: () => this.ask(false) }, "Keep running"),
    ];
  }

  private button(action: string, label: string, off: string | null, kind = "", keys?: string, help?: string): HTMLElement {
    return h("button", { class: `btn ${kind}`, type: "button", "data-action": action, disabled: off !== null, title: off ?? help, "aria-keyshortcuts": keys,
      onclick: (event: Event) => this.press(action, event.currentTarget as HTMLButtonElement) }, label);
  }

  private press(action: string, pressed: HTMLButtonElement | null): void {
    const { card } = this.run;
    if (action === "cancel" && !this.confirming && elapsed(this.run, true) > ASK_AFTER) return this.ask(true);
    if (pressed) pressed.disabled = true; // one press, one message, until the card answers
    this.confirming = false;
    this.drawn = "";
    if (isGoing(card)) this.actions.steer(action as Steer, card.id);
    else this.actions.remedy(action, card.id);
  }

  private ask(confirming: boolean): void {
    this.confirming = confirming;
    this.redraw(this.run.card, true);
    this.buttons.querySelector<HTMLElement>(confirming ? "[data-action=keep]" : "[data-action=cancel]")?.focus();
  }

  private onKey(event: KeyboardEvent): void {
    if (!event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || !this.actions.steerable) return;
    const { card } = this.run;
    if (!isGoing(card) || card.state === "stopping") return;
    if (event.key === "P") this.press(card.state === "paused" ? "resume" : "pause", null);
    else if (event.key === "S") this.press("stop", null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function phase({ key, label, state, seconds: took }: Phase): HTMLElement {
  const time = took === null ? "" : ` ${seconds(took).replaceAll(" ", "\u00a0")}`;
  const words = {
    done: `✓\u00a0${label}${time}`,
    stopped: `■\u00a0${label}${time}, stopped`,
    current: `●\u00a0${label}`,
    none: SILENT[key] ?? `No ${label}`,
    waiting: label,
  }[state];
  return h("div", { role: "listitem", class: { done: "dn", stopped: "sp", current: "nw", none: "", waiting: "" }[state], "aria-current": state === "current" ? "step" : null }, words);
}

function stageWords({ label, steps, loglik }: Stage, current: boolean, digits: number): string {
  return `${current ? "●" : "✓"} ${label}, ${count(steps)} step${steps === 1 ? "" : "s"}${loglik === null ? "" : `: ${fixed(loglik, digits)}`}`;
}

function gone(card: Card): string {
  return card.step === null ? "The kernel ended before the first step." : `Interrupted at step ${count(card.step)}, can be resumed.`;
}
