// Forms drawn from the schema of declared options: the page knows their kinds, and no option by its name.
import { fill, h, text } from "../dom";
import { count } from "../format";
import { controlFor, type Control } from "./fields";
import type { Choices, Field, Group, Part, SetupState } from "./state";

/** Draw the fields of a group that are `wanted` here; the element is hidden while there are none. */
export function formPart(choices: Choices, of: Group, wanted: (field: Field) => boolean = () => true): Part {
  const element = h("div", { class: "form", hidden: true });
  const controls = new Map<string, Control>();
  let drawn = "";
  const show = (state: SetupState): void => {
    const fields = (state.forms[of] ?? []).filter(wanted).sort((one, other) => size(one) - size(other));
    const keys = fields.map(keyOf);
    element.hidden = fields.length === 0;
    if (keys.join("\n") !== drawn) {
      [...controls.keys()].filter((key) => !keys.includes(key)).forEach((key) => controls.delete(key));
      fields.filter((field) => !controls.has(keyOf(field))).forEach((field) => controls.set(keyOf(field), controlFor(choices, of, field)));
      fill(element, keys.map((key) => controls.get(key)!.element));
      drawn = keys.join("\n");
    }
    const at = state.check.of === of ? state.check.field : "";
    for (const field of fields) controls.get(keyOf(field))!.show(field, at === field.name ? state.check : null);
  };
  return { element, show };
}

/** How much space a field takes: small ones come first, those with a row for each name last. */
function size({ kind }: Field): number {
  if (["numbers", "choices", "groups", "settings"].includes(kind)) return 2;
  return ["formula", "text", "columns"].includes(kind) ? 1 : 0;
}

/** What a control is built from; it is kept as long as that does not change. */
function keyOf({ name, kind, choices, names, optional, required }: Field): string {
  const members = kind === "groups" || kind === "level" ? names : [];
  return JSON.stringify([name, kind, choices, members, optional, required]);
}

/** Draw all fields of a group behind a line that opens them, and that says how many are set. */
export function disclosedPart(choices: Choices, of: Group, title: string): Part {
  const form = formPart(choices, of);
  const caption = h("span", {});
  const element = h("details", { class: "more" }, h("summary", {}, caption), form.element);
  const show = (state: SetupState): void => {
    form.show(state);
    element.hidden = form.element.hidden;
    const set = (state.forms[of] ?? []).filter(({ value }) => value !== null).length;
    text(caption, set ? `${title} (${count(set)} set)` : title);
    if (state.check.of === of) element.open = true;
  };
  return { element, show };
}
