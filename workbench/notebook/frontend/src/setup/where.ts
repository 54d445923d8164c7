// Region "Where it runs": device, library, numbers, optimizer, and the run's name, start and limit.
import { h, mark, type Child } from "../dom";
import { formPart } from "./form";
import { labelled, Line, newId, Picker, Segments } from "./controls";
import type { Choices, Option, Part, SetupState } from "./state";

const PAUSE = 250;

/** Build the device cards and the fields below them. */
export function wherePart(choices: Choices): Part {
  const why = new Line();
  const say = (reason: string): void => why.say(reason);
  const devices = new Segments("Device", (key) => choices.set("device", key), say, card, "dv row");
  const libraries = new Segments("Library", (key) => choices.set("library", key), say);
  const numbers = new Segments("Numbers", (key) => choices.set("dtype", key), say);
  const optimizer = new Picker((key) => choices.set("optimizer", key));
  const demeaner = new Picker((key) => choices.set("demeaner", key));
  const demeanerField = labelled("Demeaner", demeaner.element, demeaner.select, true);
  const start = new Picker((key) => choices.set("start", key));
  const name = h("input", { class: "fld", type: "text", maxlength: 200 });
  const limit = h("input", { class: "fld num", type: "number", min: 1, max: 1_000_000, step: 1, placeholder: "Automatic" });
  const [ofOptimizer, ofDemeaner] = [formPart(choices, "optimizer"), formPart(choices, "demeaner")];
  choices.bind(name, (words) => choices.set("name", words), PAUSE);
  choices.bind(limit, (words) => choices.set("max_steps", whole(words)), PAUSE);
  const element = h("div", {}, h("h3", {}, "Where it runs"), devices.element,
    h("div", { class: "g4 places" }, captioned("Library", libraries.element), captioned("Numbers", numbers.element),
      labelled("Optimizer", optimizer.element, optimizer.select, true), demeanerField), why.element, ofOptimizer.element, ofDemeaner.element,
    h("div", { class: "g4 below" }, labelled("Name of this run", name, name, true),
      labelled("Start", start.element, start.select), labelled("Step limit", limit, limit)));
  const show = (state: SetupState): void => {
    devices.show(state.devices, state.device);
    const computes = state.libraries.some(({ enabled }) => enabled !== false);
    libraries.show(state.libraries, computes ? state.library : "");
    numbers.show(state.numbers, state.dtype);
    optimizer.show([{ key: "auto", label: "Automatic", note: state.automatic }, ...state.optimizers], state.optimizer, "None",
      state.only_optimizer);
    for (const [field, picker] of [["optimizer", optimizer], ["demeaner", demeaner]] as const)
      mark(picker.select, "aria-invalid", state.check.field === field && !state.check.of ? "true" : null);
    demeanerField.hidden = !state.absorbs;
    demeaner.show(state.demeaners, state.demeaner);
    ofOptimizer.show(state);
    ofDemeaner.show(state);
    const needless = state.solved ? "Solved in closed form" : "";
    start.show(state.starts, state.start, "None", needless && "No start needed");
    limit.disabled = state.solved && state.check.field !== "max_steps"; // what is refused can be mended
    limit.placeholder = state.solved ? "No steps" : "Automatic";
    mark(limit, "title", needless || null);
    choices.settle(name, state.name);
    name.placeholder = state.run_name;
    mark(limit, "aria-invalid", state.check.field === "max_steps" ? "true" : null);
    choices.settle(limit, state.max_steps === null ? "" : String(state.max_steps));
  };
  return { element, show };
}

function card(option: Option): Child[] {
  if (option.enabled === false) return [h("span", {}, h("b", {}, option.label), ", unavailable"), h("span", {}, option.reason)];
  return [h("b", {}, option.label), h("span", {}, option.note || "available")];
}

function captioned(caption: string, group: HTMLElement): HTMLElement {
  const id = newId("caption");
  group.setAttribute("aria-labelledby", id);
  return h("div", {}, h("span", { class: "lab", id }, caption), group);
}

function whole(words: string): number | null {
  const number = Math.floor(Number(words));
  return words.trim() && Number.isFinite(number) ? number : null;
}
