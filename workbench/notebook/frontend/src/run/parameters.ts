// The parameters as small multiples: the first ten, then all, those that changed most leading.
import { Chart } from "../charts/chart";
import { h, text } from "../dom";
import { count, figure } from "../format";
import { parameterLines, reached, type Placed } from "./lines";

const FIRST = 10;
const MOST = 100;
const RECENT = 5;
/** Letters of a name that its place has room for, and those of them at its head. */
const MOST_LETTERS = 20;
const HEAD = 7;

interface Multiple {
  chart: Chart;
  value: HTMLElement;
  figure: HTMLElement;
}

export class Parameters {
  private readonly multiples = new Map<string, Multiple>();
  private readonly grid = h("div", { class: "mul" });
  private readonly more = h("button", { class: "btn sm", type: "button", "aria-expanded": "false", onclick: () => this.toggle() });
  private readonly note = h("span", { class: "m s" });
  readonly element = h("div", { class: "pm" },
    h("div", { class: "bar" }, h("h3", {}, "Parameters ", h("small", {}, "each on its own scale, by step")), h("span", { class: "grow" }), this.note, this.more),
    this.grid);
  private all = false;
  private chosen: string[] = [];
  private placed: Placed[] = [];

  constructor(private readonly onChange: () => void) {}

  update(placed: Placed[]): void {
    this.placed = placed;
    const names = [...new Set(placed.flatMap(({ run }) => run.card.parameters))];
    if (!this.all || this.chosen.some((name) => !names.includes(name))) this.choose(names);
    this.arrange(names.length);
    for (const name of this.chosen) this.draw(name);
  }

  end(): void {
    this.multiples.forEach(({ chart }) => chart.destroy());
  }

  private toggle(): void {
    this.all = !this.all;
    this.chosen = [];
    this.choose([...new Set(this.placed.flatMap(({ run }) => run.card.parameters))]);
    this.onChange();
  }

  private choose(names: string[]): void {
    this.chosen = this.all ? byRecentChange(names, this.placed).slice(0, MOST) : names.slice(0, FIRST);
  }

  private arrange(total: number): void {
    this.element.hidden = total === 0;
    this.more.hidden = total <= FIRST;
    text(this.more, this.all ? `Show the first ${FIRST}` : `Show all ${count(total)}`);
    this.more.setAttribute("aria-expanded", String(this.all));
    text(this.note, this.all ? `${total > MOST ? `${MOST} of ${count(total)}, ` : ""}largest recent change first` : "");
    const wanted = this.chosen.map((name) => this.multiple(name).figure);
    const same = wanted.length === this.grid.childElementCount && wanted.every((element, index) => this.grid.children[index] === element);
    if (!same) this.grid.replaceChildren(...wanted);
  }

  private multiple(name: string): Multiple {
    const known = this.multiples.get(name);
    if (known) return known;
    const chart = new Chart({ title: name, unit: "estimate", height: 96, log: false, markers: "last", most: { x: 3, y: 3 } });
    const value = h("span");
    const caption = h("figcaption", {}, h("span", { class: "name", title: name }, middled(name)), value);
    const made = { chart, value, figure: h("figure", {}, caption, chart.element) };
    this.multiples.set(name, made);
    return made;
  }

  private draw(name: string): void {
    const { chart, value } = this.multiple(name);
    const first = this.placed.find(({ run }) => run.card.parameters.includes(name));
    text(value, first ? figure(reached(first.run, name)) : "");
    chart.update(parameterLines(this.placed, name), "step");
  }
}

/** A long name without its middle: the levels of a factor differ at the end. */
function middled(name: string): string {
  return name.length > MOST_LETTERS ? `${name.slice(0, HEAD)}…${name.slice(HEAD + 1 - MOST_LETTERS)}` : name;
}

/** Names in the order of their change over the last steps, relative to their whole range. */
function byRecentChange(names: string[], placed: Placed[]): string[] {
  const change = new Map(names.map((name) => [name, Math.max(0, ...parameterLines(placed, name).map(({ y }) => recent(y)))]));
  return [...names].sort((one, other) => change.get(other)! - change.get(one)!);
}

function recent(values: Float64Array): number {
  const finite = values.filter(Number.isFinite);
  const range = finite.reduce((high, value) => Math.max(high, value), -Infinity) - finite.reduce((low, value) => Math.min(low, value), Infinity);
  const from = finite[Math.max(0, finite.length - 1 - RECENT)];
  return range > 0 && from !== undefined ? Math.abs(finite[finite.length - 1]! - from) / range : 0;
}
