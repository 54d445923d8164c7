// The fixed effects: columns with boxes that stay in step with the formula.
import { h } from "../dom";
import { ColumnsPicker } from "./columns";
import type { Choices, Part, SetupState } from "./state";

/** Build the button that shows the effects, and the columns to absorb below it. */
export function effectsPart(choices: Choices): Part {
  const picker = new ColumnsPicker(h("label", {}, "Fixed effects"), "Columns to absorb", (name) => choices.send("role", { name, role: "f" }),
    "Write further columns into the formula, behind |.");
  const show = (state: SetupState): void => {
    const terms = state.effects.split("+").map((term) => term.trim().replace(/^`|`$/g, ""));
    const names = choices.variables.map(({ name }) => name).filter((name) => !(state.roles[name] ?? "").includes("y"));
    picker.show(state.effects, names, new Set(terms), state.has_effects || state.effects ? "" : "Not available");
  };
  return { element: picker.element, show };
}
