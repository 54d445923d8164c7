// What changed between two runs: the settings that differ, then the results that do.
import type { Connection } from "../connection";
import { fill, h, type Child } from "../dom";
import { plural } from "../format";
import { Picker } from "../setup/controls";
import type { Change, Changed, Results, RunRow } from "./state";

/** The region "What changed". */
export class ChangedPart {
  private all = false;
  private readonly first = new Picker((id) => this.choose(id, this.pair[1] ?? ""));
  private readonly second = new Picker((id) => this.choose(this.pair[0] ?? "", id));
  private readonly body = h("div");
  readonly element = h("section", { "aria-label": "What changed" }, h("h3", {}, "What changed"),
    h("div", { class: "tb versus" }, this.first.element, h("span", { "aria-hidden": "true" }, "→"), this.second.element), this.body);

  constructor(private readonly connection: Connection) {
    this.first.select.setAttribute("aria-label", "First run");
    this.second.select.setAttribute("aria-label", "compared with");
  }

  private get pair(): string[] {
    return this.connection.get<Results>("results")?.pair ?? [];
  }

  show(results: Results): void {
    const ended = (this.connection.get<RunRow[]>("runs") ?? []).filter((run) => run.comparable);
    this.element.hidden = ended.length < 2;
    const options = ended.map((run) => ({ key: run.id, label: run.name }));
    const [one = "", two = ""] = results.pair ?? [];
    this.first.show(one ? options : [{ key: "", label: "Choose a run" }, ...options], one, "Choose a run", this.connection.alive ? "" : label(options, one));
    this.second.show(two ? options : [{ key: "", label: "Choose a run" }, ...options], two, "Choose a run", this.connection.alive ? "" : label(options, two));
    fill(this.body, results.changed ? this.tables(results.changed) : h("p", { class: "s m" }, "Choose two runs to see which settings differ."));
  }

  private choose(first: string, second: string): void {
    this.connection.send("pair", { first, second });
  }

  private tables({ settings, same, results, names }: Changed): Child[] {
    const more = h("button", { class: "btn q s", type: "button", "aria-expanded": String(this.all), onclick: () => {
      this.all = !this.all;
      this.show(this.connection.get<Results>("results"));
    } }, this.all ? "Hide them" : "Show them");
    const words = settings.length ? `${plural(same.length, "setting")} ${same.length === 1 ? "is" : "are"} the same. ` : "All settings are the same. ";
    return [
      settings.length > 0 && compared("Setting", names, settings),
      h("p", { class: "s m same" }, words, same.length > 0 && more),
      this.all && h("table", { class: "df listed" }, h("tbody", {}, same.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value))))),
      results.length ? compared("Result", names, results) : h("p", { class: "s m" }, "The results are the same."),
    ];
  }
}

function label(options: { key: string; label: string }[], key: string): string {
  return options.find((option) => option.key === key)?.label ?? "The kernel is gone";
}

function compared(what: string, names: [string, string], rows: Change[]): HTMLElement {
  return h("table", { class: "df num" },
    h("thead", {}, h("tr", {}, [what, ...names].map((words) => h("th", { scope: "col" }, words)))),
    h("tbody", {}, rows.map(({ label: name, first, second }) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, first), h("td", {}, second)))));
}
