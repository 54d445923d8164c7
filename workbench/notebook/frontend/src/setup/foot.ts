// The foot: Run, one sentence that describes the run, and the same run as code.
import { fill, h, mark, rich, text } from "../dom";
import { canInsertCell, copyText, insertCellBelow } from "./cells";
import { newId } from "./controls";
import { highlighted } from "./highlight";
import type { Choices, Part, SetupState } from "./state";

const DONE = 1500;

/** Build the foot; `run` starts what is set up. */
export function footPart(choices: Choices, run: () => void): Part {
  const [drawerId, wordsId] = [newId("code"), newId("run-words")];
  const words = h("span", { class: "s grow", id: wordsId, role: "status" });
  const button = h("button", { class: "btn p go", type: "button", "aria-keyshortcuts": "Control+Enter", "aria-describedby": wordsId, onclick: run }, "▶ Run");
  const [python, magic] = [new Code("Python", "python"), new Code("Cell magic", "magic")];
  const drawer = h("div", { class: "dr", id: drawerId, hidden: true },
    h("div", { class: "bar" }, h("b", {}, "The same run as code"), h("span", { class: "m s" }, "Follows every change above.")),
    h("div", { class: "cols" }, python.element, magic.element));
  const toggle = h("button", { class: "btn", type: "button", "aria-controls": drawerId, "aria-expanded": "false", onclick: () => {
    drawer.hidden = !drawer.hidden;
    mark(toggle, "aria-expanded", String(!drawer.hidden));
    text(toggle, drawer.hidden ? "Show as code ▸" : "Show as code ▾");
    if (!drawer.hidden) drawer.scrollIntoView({ block: "nearest" });
  } }, "Show as code ▸");
  const element = h("div", { class: "footing" }, h("div", { class: "foot" }, button, words, toggle), drawer);
  const show = (state: SetupState): void => {
    const why = reason(state, choices);
    button.disabled = why !== "";
    const refused = state.refusal && `✕ ${state.refusal}`;
    words.classList.toggle("bad", !choices.waiting && ((why !== "" && state.data !== null) || refused !== ""));
    words.classList.toggle("waits", choices.waiting !== "");
    fill(words, choices.waiting || why || refused || rich(state.sentence));
    python.show(state.code.python);
    magic.show(state.code.magic);
  };
  return { element, show };
}

/** Why Run is not to be pressed now, or nothing. */
function reason(state: SetupState, choices: Choices): string {
  if (!choices.connection.alive) return "✕ The kernel is gone.";
  if (!state.data) return "Choose a data source to begin.";
  return state.check.ok ? "" : `✕ One thing to fix: ${state.check.brief}.`;
}

class Code {
  private source = "";
  private readonly field = h("pre", { tabindex: 0, role: "group" });
  readonly element: HTMLElement;

  constructor(
    title: string,
    private readonly language: "python" | "magic",
  ) {
    mark(this.field, "aria-label", title);
    const copy = h("button", { class: "btn sm", type: "button", onclick: () => void this.copy(copy) }, "Copy");
    const insert = h("button", { class: "btn sm", type: "button", onclick: () => void insertCellBelow(this.element, this.source) }, "Insert cell below");
    insert.hidden = !canInsertCell();
    this.element = h("div", {}, h("div", { class: "code-head" }, h("span", { class: "s m" }, title), h("span", { class: "grow" }), copy, insert), this.field);
  }

  show(source: string): void {
    if (source === this.source) return;
    this.source = source;
    fill(this.field, highlighted(source, this.language));
  }

  private async copy(button: HTMLElement): Promise<void> {
    await copyText(this.source);
    text(button, "Copied");
    window.setTimeout(() => text(button, "Copy"), DONE);
  }
}
