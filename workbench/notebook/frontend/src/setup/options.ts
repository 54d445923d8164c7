// Region Options: standard errors, cluster, weights, offset and fixed effects.
import { h, mark } from "../dom";
import { columns, labelled, Picker } from "./controls";
import { EffectsPicker } from "./effects";
import type { Desk, Part, SetupState } from "./state";

const PAUSE = 250;
const NUMERIC = ["0/1", "integer", "number"];

/** Build the drop-downs of the options. */
export function optionsPart(desk: Desk): Part {
  const pick = (field: string, code = true): Picker => new Picker((key) => desk.set(field, key), code);
  const effects = new EffectsPicker(desk);
  const [errors, cluster, weights, kind, offset, positive] = [pick("se", false), pick("cluster"), pick("weights"),
    pick("weight_kind", false), pick("offset"), pick("positive", false)];
  const told = h("input", { class: "fld", type: "text", spellcheck: "false", maxlength: 1000 });
  const toldField = labelled("Settings of the errors", told, told, true);
  desk.bind(told, "se_options", PAUSE);
  const kindField = labelled("Kind of weights", kind.element, kind.select);
  const positiveField = labelled("Level that is 1", positive.element, positive.select);
  const element = h("div", { class: "row" }, h("h3", {}, "Options"), h("div", { class: "g5" },
    labelled("Standard errors", errors.element, errors.select), toldField, labelled("Cluster by", cluster.element, cluster.select),
    labelled("Weights", weights.element, weights.select), kindField, labelled("Offset", offset.element, offset.select),
    positiveField, effects.element));
  const show = (state: SetupState): void => {
    const numeric = columns(desk.variables.filter(({ kind }) => NUMERIC.includes(kind)));
    errors.show(state.errors, state.se);
    toldField.hidden = !state.errors_hint;
    told.placeholder = state.errors_hint;
    desk.settle(told, state.se_options);
    mark(told, "aria-invalid", state.check.field === "se_options" ? "true" : null);
    cluster.show(columns(desk.variables), state.cluster);
    weights.show(numeric, state.weights);
    kind.show(state.weight_kinds.map((key) => ({ key, label: capital(key) })), state.weight_kind);
    kindField.hidden = !state.weights;
    const chooses = state.model_hint !== "";
    offset.show(numeric, state.offset, "None", chooses && !state.offset ? "Not with choices" : "");
    positiveField.hidden = !state.positive;
    positive.show([{ key: "", label: "Ask" }, { key: state.positive, label: state.positive }], state.positive);
    effects.show(state);
  };
  return { element, show };
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
