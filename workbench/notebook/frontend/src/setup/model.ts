// Region Model: the template, the user's own log-likelihood, and the formula.
import { h, mark, text } from "../dom";
import { labelled, newId, Picker } from "./controls";
import { formPart } from "./form";
import { formulaPart } from "./formula";
import type { Choices, Field, Part, SetupState } from "./state";

const PAUSE = 250;

/** Build the template, the code field and the formula. */
export function modelPart(choices: Choices): Part {
  const title = newId("model");
  const template = new Picker((key) => choices.set("template", key));
  const equation = h("span", {});
  const own = h("button", { class: "btn q s", type: "button", onclick: () => choices.send("own", { serial: 0 }) }, "Write my own log-likelihood");
  const body = h("textarea", { class: "body", spellcheck: "false", rows: 5, wrap: "off" });
  choices.bind(body, (words) => choices.set("body", words), PAUSE);
  const code = labelled("Log-likelihood of each observation: params: lines, then loglik = …", body, body);
  const formula = formulaPart(choices);
  const [first, others] = [formPart(choices, "model", isFirst), formPart(choices, "model", (field) => !isFirst(field))];
  const element = h("div", {}, h("h3", { id: title }, "Model"),
    h("div", { class: "row template" }, labelled("Template", template.element, template.select), h("div", { class: "s m" }, equation, " ", own)),
    h("div", { class: "row" }, code), first.element, formula.element, others.element);
  const show = (state: SetupState): void => {
    template.show(state.templates.map((one) => ({ ...one, note: "" })), state.template);
    text(equation, state.equation);
    own.hidden = state.own;
    code.parentElement!.hidden = !state.own;
    choices.settle(body, state.body);
    mark(body, "aria-invalid", state.check.field === "body" ? "true" : null);
    body.rows = Math.min(16, Math.max(4, state.body.split("\n").length + 1));
    for (const part of [first, formula, others]) part.show(state);
  };
  return { element, show };
}

/** Whether an option stands before the formula: the model needs it, or it says which row is what. */
function isFirst(field: Field): boolean {
  return field.required || field.kind === "column" || field.kind === "columns";
}
