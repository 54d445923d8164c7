// Region Data: the source, the table, its figures, and the list of variables.
import { fill, h, rich, text, type Child } from "../dom";
import { count, fixed } from "../format";
import { labelled, Line, newId, Picker, Segments } from "./controls";
import { readingPart } from "./reading";
import type { DataFigures, Choices, Option, Part, SetupState } from "./state";
import { variableList } from "./variables";

const SOURCE_WORDS: Record<string, string> = { notebook: "Table of this notebook", samples: "Sample", file: "File" };
const SOURCE_OF: Record<string, string> = { frame: "notebook", sample: "samples", file: "file", sql: "sql" };

/** Build the left column of the Setup page. */
export function dataPart(choices: Choices): Part {
  const title = newId("data");
  const why = new Line();
  const sources = new Segments("Where the data come from", (source) => choices.send("source", { source }), (reason) => why.say(reason));
  const tables = new Picker((name) => choices.send("data", { name }), true);
  const caption = h("label", { class: "sr", for: (tables.select.id = newId("table")) });
  const [file, database] = [filePart(choices), sqlPart(choices)];
  const figures = h("p", { class: "s num figures" });
  const [reading, list] = [readingPart(choices), variableList(choices)];
  tables.select.addEventListener("focus", () => choices.send("refresh"));
  const element = h("section", { "aria-labelledby": title }, h("h3", { id: title }, "Data"), sources.element, why.element,
    caption, tables.element, file.element, database.element, figures, reading.element, list.element);
  const show = (state: SetupState): void => {
    sources.show(state.sources, state.source);
    text(caption, SOURCE_WORDS[state.source] ?? "Table");
    tables.show(offered(state), chosenTable(state), invitation(state));
    tables.element.hidden = state.source === "sql";
    file.element.hidden = state.source !== "file";
    database.show(state);
    fill(figures, figuresOf(state, choices));
    reading.show(state);
    list.element.hidden = !state.data || otherFile(state);
    list.show(state);
  };
  return { element, show };
}

function offered(state: SetupState): Option[] {
  return chosenTable(state) ? state.tables : [{ key: "", label: invitation(state) }, ...state.tables];
}

function chosenTable(state: SetupState): string {
  const opened = state.data && SOURCE_OF[state.data.kind] === state.source ? state.data.name : "";
  const name = (state.source === "file" && state.reading?.file) || opened;
  return state.tables.some((table) => table.key === name) ? name : "";
}

function invitation(state: SetupState): string {
  if (state.tables.length) return state.source === "file" ? "Choose a file" : "Choose a table";
  return { notebook: "No table in this notebook yet", file: "No data file in this folder" }[state.source] ?? "Nothing to choose";
}

function figuresOf(state: SetupState, choices: Choices): Child {
  if (state.notice) return notice(state.notice);
  if (state.check.of === "reading") return null; // the file says that it is not read
  return state.data ? sentence(state.data, chosenTable(state) === "") : begin(choices);
}

/** Whether a file is chosen that could not be read, while other data are open or none. */
function otherFile({ check, data, reading }: SetupState): boolean {
  return check.of === "reading" && !(data?.kind === "file" && data.name === reading?.file);
}

/** The figures of the data, named where the list above does not show them. */
function sentence(data: DataFigures, named: boolean): Child[] {
  return [
    named && [h("code", {}, data.name), ": "],
    h("b", {}, count(data.rows)), " rows, ", h("b", {}, count(data.columns)), ` columns, ${size(data.bytes)}. `,
    h("span", { class: "m" }, rich(data.missing)),
  ];
}

function begin(choices: Choices): Child[] {
  const sample = h("button", { class: "btn q s", type: "button", onclick: () => choices.send("data", { name: "mroz" }) }, "Try the sample mroz");
  return ["Choose a data source to begin. ", sample];
}

function notice(words: string): Child {
  return h("span", { role: "alert", class: "bad" }, "✕ ", words);
}

function filePart(choices: Choices): { element: HTMLElement } {
  const path = h("input", { class: "fld", type: "text", spellcheck: "false", placeholder: "folder/file.csv" });
  const open = (): void => choices.send("data", { name: path.value.trim() });
  path.addEventListener("keydown", (event) => event.key === "Enter" && open());
  const field = labelled("or a path: csv, xlsx, parquet, dta, feather, json", path, path);
  return { element: h("div", { class: "path" }, field, h("button", { class: "btn", type: "button", onclick: open }, "Open")) };
}

/** A database and a query of it; Ctrl+Enter in the query reads its rows. */
function sqlPart(choices: Choices): Part {
  const place = h("input", { class: "fld", type: "text", spellcheck: "false", placeholder: "folder/wages.db" });
  const query = h("textarea", { class: "body", spellcheck: "false", rows: 3, placeholder: "SELECT * FROM wages" });
  const note = h("p", { class: "s m line" });
  const read = (): void => choices.send("sql", { database: place.value.trim(), query: query.value });
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    read();
  };
  query.addEventListener("keydown", onKey);
  const element = h("div", { class: "sql" }, labelled("Database: a SQLite file, or a URL", place, place), note, labelled("Query, which only reads", query, query),
    h("button", { class: "btn", type: "button", "aria-keyshortcuts": "Control+Enter", onclick: read }, "Read"));
  let known = "";
  const show = ({ source, sources, data }: SetupState): void => {
    element.hidden = source !== "sql";
    const words = sources.find(({ key }) => key === "sql")?.note ?? "";
    text(note, words);
    note.hidden = words === "";
    const opened = data?.kind === "sql" ? `${data.name}\n${data.query}` : "";
    if (opened && opened !== known) [place.value, query.value] = [data!.name, data!.query];
    known = opened;
  };
  return { element, show };
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${fixed(bytes / 1e3, bytes < 1e4 ? 1 : 0)} kB`;
  return bytes < 1e9 ? `${fixed(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB` : `${fixed(bytes / 1e9, 1)} GB`;
}
