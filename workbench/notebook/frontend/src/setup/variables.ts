// The list of variables: one tab stop, arrows to move, Enter, y, w, c and f to give a role.
import { fill, h, mark, svg, text } from "../dom";
import { count } from "../format";
import { newId } from "./controls";
import type { Choices, Part, SetupState, Variable } from "./state";

const FEW = 12;
const [WIDTH, HEIGHT] = [66, 18];
const ROLE_WORDS: Record<string, string> = { y: "outcome", x: "regressor", w: "weights", c: "cluster", f: "fixed effect" };
const KEYS: Record<string, string> = { Enter: "x", x: "x", y: "y", w: "w", c: "c", f: "f" };

/** Build the search field and the list below it. */
export function variableList(choices: Choices): Part {
  const list = new VariableList(choices);
  return { element: list.element, show: (state) => list.show(state) };
}

class VariableList {
  private readonly search = h("input", { type: "search", placeholder: "Find a variable", "aria-label": "Find a variable", "aria-keyshortcuts": "/", class: "find-field" });
  private readonly box = h("div", { class: "vbody", role: "listbox", tabindex: 0, "aria-multiselectable": "true" });
  private readonly shown = h("span");
  private readonly more = h("button", { class: "btn q s", type: "button" }, "Show all");
  private readonly saying = h("p", { class: "s m line", role: "status" });
  readonly element = h("div", { class: "vars" },
    h("div", { class: "fld find" }, magnifier(), this.search),
    h("div", { class: "vl" }, header(), this.box),
    h("p", { class: "s m line" }, this.shown, " ", this.more), this.saying);
  private rows = new Map<string, HTMLElement>();
  private order: Variable[] = [];
  private visible: Variable[] = [];
  private source: Variable[] | null = null;
  private all = false;
  private active = "";
  private roles: Record<string, string> = {};
  private letters: Record<string, string> = {};

  constructor(private readonly choices: Choices) {
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => this.onSearchKey(event));
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.box.addEventListener("focus", () => this.activate(this.active || (this.visible[0]?.name ?? "")));
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      this.filter();
    });
  }

  show(state: SetupState): void {
    const variables = this.choices.variables;
    const used = (roles: Record<string, string>): string => Object.keys(roles).sort().join("\n");
    const moved = used(state.roles) !== used(this.roles);
    this.roles = state.roles;
    this.letters = state.letters;
    if (variables !== this.source) this.renew(variables, state);
    else if (moved) this.filter();
    for (const variable of this.order) this.dress(variable, state.roles[variable.name] ?? "");
    mark(this.box, "aria-label", `Variables in ${state.data?.name ?? "the data"}`);
  }

  focusSearch(): void {
    this.search.focus();
  }

  private renew(variables: Variable[], state: SetupState): void {
    this.source = variables;
    this.order = [...variables].sort((a, b) => place(a, state, variables) - place(b, state, variables));
    this.rows = new Map(this.order.map((variable) => [variable.name, this.row(variable)]));
    this.all = false;
    this.active = "";
    this.filter();
  }

  private filter(): void {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.order.filter((variable) => variable.name.toLowerCase().includes(wanted));
    this.visible = this.all || wanted ? found : found.filter(({ name }, at) => at < FEW || this.roles[name]);
    fill(this.box, this.visible.map((variable) => this.rows.get(variable.name)!));
    mark(this.box, "data-long", this.visible.length > 3 * FEW);
    this.box.hidden = this.visible.length === 0;
    text(this.shown, `${count(this.visible.length)} of ${count(this.order.length)} shown.`);
    text(this.more, this.all ? "Show fewer" : "Show all");
    this.more.hidden = wanted !== "" || this.order.length <= FEW;
    if (!this.visible.some((variable) => variable.name === this.active)) this.activate("");
  }

  private row(variable: Variable): HTMLElement {
    return h("div", { class: "vr", role: "option", id: newId("variable"), title: variable.name,
      onclick: () => this.activate(variable.name), ondblclick: () => this.assign(variable.name, "x") },
      h("span", {}), h("span", { class: "vn" }, variable.name), h("span", { class: "xs m" }, variable.kind),
      h("span", { class: "xs m num right" }, count(variable.missing)), histogram(variable));
  }

  private dress(variable: Variable, roles: string): void {
    const row = this.rows.get(variable.name)!;
    const words = [...roles].map((role) => ROLE_WORDS[role] ?? this.letters[role] ?? role).join(" and ");
    const box = row.firstElementChild!;
    text(box, roles.slice(0, 1));
    mark(box, "class", roles ? "role" : null);
    row.classList.toggle("u", roles !== "");
    mark(row, "aria-selected", String(roles !== ""));
    mark(row, "aria-label", `${variable.name}, ${variable.note}${words ? `, ${words}` : ""}`);
  }

  private activate(name: string): void {
    this.rows.get(this.active)?.classList.remove("at");
    this.active = name;
    const row = this.rows.get(name);
    row?.classList.add("at");
    mark(this.box, "aria-activedescendant", row?.id ?? null);
    if (this.box === document.activeElement) row?.scrollIntoView({ block: "nearest" });
  }

  private assign(name: string, role: string): void {
    text(this.saying, "");
    this.choices.send("role", { name, role });
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.visible.findIndex((variable) => variable.name === this.active);
    const next = moved(event.key, at, this.visible.length);
    const role = KEYS[event.key];
    if (next === null && !(role && this.active)) return;
    event.preventDefault();
    event.stopPropagation();
    if (next !== null) this.activate(this.visible[next]?.name ?? "");
    else this.assign(this.active, role!);
  }

  private onSearchKey(event: KeyboardEvent): void {
    const first = this.visible[0];
    if (event.key === "ArrowDown") this.box.focus();
    else if (event.key === "Enter" && first && this.search.value && !event.ctrlKey && !event.metaKey) this.assign(first.name, "x");
    else if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      this.filter();
    } else return;
    event.preventDefault();
  }
}

/** Variables of the formula come first, in its order; the list then keeps its order. */
function place(variable: Variable, state: SetupState, variables: Variable[]): number {
  if (!state.roles[variable.name]) return 1e9 + variables.indexOf(variable);
  const at = state.formula.search(new RegExp(`(?<![\\w.])${escaped(variable.name)}(?![\\w.])`));
  return at < 0 ? 1e8 : at;
}

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function moved(key: string, at: number, length: number): number | null {
  if (key === "ArrowDown") return Math.min(at + 1, length - 1);
  if (key === "ArrowUp") return Math.max(at - 1, 0);
  if (key === "PageDown") return Math.min(at + 10, length - 1);
  if (key === "PageUp") return Math.max(at - 10, 0);
  if (key === "Home") return 0;
  return key === "End" ? length - 1 : null;
}

function header(): HTMLElement {
  return h("div", { class: "vr hd", "aria-hidden": "true" }, ["", "Variable", "Type", "Miss.", "Spread"].map((word) => h("span", {}, word)));
}

/** The magnifying glass of a search field. */
export function magnifier(): SVGElement {
  return svg("svg", { class: "mag", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
    svg("circle", { cx: 6, cy: 6, r: 4.2 }), svg("path", { d: "M9.2 9.2L13 13" }));
}

/** Twelve bars, or one a level where every level has a bar to itself. */
function histogram(variable: Variable): SVGElement {
  const filled = variable.histogram.filter((rows) => rows > 0);
  const counts = filled.length === variable.levels ? filled : variable.histogram;
  const tallest = Math.max(1, ...counts);
  const step = WIDTH / Math.max(1, counts.length);
  const bars = counts.map((rows, index) => {
    const tall = rows ? Math.max(1, (rows / tallest) * (HEIGHT - 2)) : 0;
    return svg("rect", { x: index * step + 0.5, y: HEIGHT - 1 - tall, width: Math.max(0.5, step - 1), height: tall });
  });
  return svg("svg", { class: "hs", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" },
    bars, svg("path", { class: "ax", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }));
}
