// What a model of discrete choice needs beside its formula: columns, and its settings in words.
import { h, mark } from "../dom";
import { columns, labelled, Picker } from "./controls";
import type { ColumnRole, Desk, Part, SetupState } from "./state";

const PAUSE = 250;
const ROLES: [ColumnRole, string, string][] = [
  ["situation", "Situation", "Choose a column"], ["alternatives", "Alternatives", "Choose a column"], ["panel", "Panel", "None"],
];

/** Build the drop-downs of the columns, and the field of the model's settings below them. */
export function choicesPart(desk: Desk): Part {
  const pickers = ROLES.map(([role, caption, empty]) => {
    const picker = new Picker((key) => desk.set(role, key), true);
    return { role, empty, picker, field: labelled(caption, picker.element, picker.select) };
  });
  const told = h("input", { class: "fld", type: "text", spellcheck: "false", autocapitalize: "off", maxlength: 1000 });
  const asked = h("div", { class: "g3" }, pickers.map(({ field }) => field));
  desk.bind(told, "model_settings", PAUSE);
  const element = h("div", { class: "row choices", hidden: true }, asked, labelled("Settings of the model", told, told));
  const show = (state: SetupState): void => {
    element.hidden = state.model_hint === "";
    asked.hidden = state.asks.length === 0;
    for (const { role, empty, picker, field } of pickers) {
      field.hidden = !state.asks.includes(role);
      picker.show(columns(desk.variables, empty), state[role]);
      mark(picker.select, "aria-invalid", state.check.field === role ? "true" : null);
    }
    told.placeholder = state.model_hint;
    desk.settle(told, state.model_settings);
    mark(told, "aria-invalid", state.check.field === "model_settings" ? "true" : null);
  };
  return { element, show };
}
