// A file that is chosen: what was decided in reading it, its first rows, and the fields that decide otherwise.
import { fill, h, text, type Child } from "../dom";
import { disclosedPart } from "./form";
import type { Choices, Part, Reading, SetupState } from "./state";

const MOST_NOTES = 3;

/** Build the part below a file's figures; it is hidden for other data. */
export function readingPart(choices: Choices): Part {
  const said = h("p", { class: "s line" });
  const problem = h("p", { class: "s line bad", role: "alert" });
  const notes = h("div", {});
  const rows = h("div", { class: "scr lost", tabindex: 0, role: "group", "aria-label": "First rows" });
  const form = disclosedPart(choices, "reading", "Reading");
  const element = h("div", { class: "reading" }, said, problem, notes, rows, form.element);
  let drawn = "";
  const show = (state: SetupState): void => {
    const { reading, check } = state;
    element.hidden = !reading || state.source !== "file";
    form.show(state);
    if (!reading) return;
    const refused = check.of === "reading";
    text(said, refused ? `${reading.file} is not read yet.` : reading.said);
    said.hidden = said.textContent === "";
    text(problem, refused && !check.field ? `✕ ${check.text} ${check.detail}`.trim() : "");
    problem.hidden = problem.textContent === "";
    const signature = JSON.stringify(reading);
    if (signature === drawn) return; // a list that is open, and a place scrolled to, are kept
    drawn = signature;
    fill(notes, notesOf(reading));
    fill(rows, reading.lines.length ? linesOf(reading) : rowsOf(reading));
    rows.hidden = !reading.lines.length && !reading.columns.length;
  };
  return { element, show };
}

/** Notes on columns: a few in sight, many behind a line that counts them. */
function notesOf({ notes }: Reading): Child {
  if (!notes.length) return null;
  const list = h("ul", { class: "s m" }, notes.map((note) => h("li", {}, note)));
  return notes.length <= MOST_NOTES ? list : h("details", { class: "more" }, h("summary", {}, `Notes on ${notes.length} columns`), list);
}

function rowsOf({ columns, numeric, rows }: Reading): HTMLElement {
  const side = (at: number): string | null => (numeric[at] ? null : "left");
  return h("table", { class: "num" }, h("caption", {}, rows.length ? "First rows" : "No rows"),
    h("thead", {}, h("tr", {}, columns.map((name, at) => h("th", { scope: "col", class: side(at), title: name }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, at) => cell(value, side(at)))))));
}

function cell(value: string | null, side: string | null): HTMLElement {
  return value === null ? h("td", { class: `m ${side ?? ""}` }, "missing") : h("td", { class: side, title: value }, value);
}

function linesOf({ lines }: Reading): Child {
  return [h("p", { class: "s m line" }, "First lines of the file"), h("pre", {}, lines.join("\n"))];
}
