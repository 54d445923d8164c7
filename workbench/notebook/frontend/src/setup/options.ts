// Region Options: standard errors, cluster, weights, offset and fixed effects.
import { h, mark } from "../dom";
import { columns, labelled, Picker } from "./controls";
import { effectsPart } from "./effects";
import { disclosedPart, formPart } from "./form";
import type { Choices, Part, SetupState } from "./state";

/** Build the drop-downs of the options. */
export function optionsPart(choices: Choices): Part {
  const pick = (field: string, code = true): Picker => new Picker((key) => choices.set(field, key), code);
  const [effects, ofErrors, more] = [effectsPart(choices), formPart(choices, "se"), disclosedPart(choices, "run", "More options")];
  const [errors, cluster, weights, kind, offset, positive] = [pick("se", false), pick("cluster"), pick("weights"),
    pick("weight_kind", false), pick("offset"), pick("positive", false)];
  const kindField = labelled("Kind of weights", kind.element, kind.select);
  const positiveField = labelled("Level that is 1", positive.element, positive.select);
  const element = h("div", { class: "row" }, h("h3", {}, "Options"), h("div", { class: "g5" },
    labelled("Standard errors", errors.element, errors.select), labelled("Cluster by", cluster.element, cluster.select),
    labelled("Weights", weights.element, weights.select), kindField, labelled("Offset", offset.element, offset.select),
    positiveField, effects.element), ofErrors.element, more.element);
  const show = (state: SetupState): void => {
    const numeric = columns(choices.variables.filter(({ numeric }) => numeric));
    errors.show(state.errors, state.se);
    cluster.show(columns(choices.variables), state.cluster);
    weights.show(numeric, state.weights);
    kind.show(state.weight_kinds.map((key) => ({ key, label: capital(key) })), state.weight_kind);
    kindField.hidden = !state.weights;
    offset.show(numeric, state.offset, "None", state.has_offset || state.offset ? "" : "Not available");
    for (const [field, picker] of [["cluster", cluster], ["weights", weights], ["offset", offset]] as const)
      mark(picker.select, "aria-invalid", state.check.field === field && !state.check.of ? "true" : null);
    positiveField.hidden = !state.positive;
    positive.show([{ key: "", label: "Ask" }, { key: state.positive, label: state.positive }], state.positive);
    for (const part of [effects, ofErrors, more]) part.show(state);
  };
  return { element, show };
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
