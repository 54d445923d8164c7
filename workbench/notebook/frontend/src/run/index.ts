// The Run page: cards, failures, charts and speed of the runs.
import type { Connection } from "../connection";
import { fill, h, mark, rich, text } from "../dom";
import { timeOfDay } from "../format";
import { CardView, type Actions } from "./cards";
import { DemeaningCharts } from "./demeaning";
import { isGoing, type Card } from "./card";
import { FailureView } from "./failure";
import { Figures, Speed } from "./figures";
import type { Placed } from "./lines";
import { Painter } from "./painter";
import { Parameters } from "./parameters";
import { Picker } from "./picker";
import { MOST_SHOWN, Shown } from "./shown";
import { Steering } from "./steering";
import { Store, type Run } from "./store";
import type { Results, RunRow } from "../results/state";
import type { SetupState } from "../setup/state";

const TICK = 500;
/** The kernel shows as busy while it answers a message, so one message acknowledges many steps. */
const ACKNOWLEDGE = 5000;

/** Draw the Run page into `panel`; returns the clean-up. */
export function mountRun(panel: HTMLElement, connection: Connection): () => void {
  const page = new RunPage(panel, connection);
  return () => page.end();
}

class RunPage {
  private readonly trace: boolean;
  private readonly shown = new Shown((id) => this.style(id));
  private readonly overlaid = new Set<string>();
  private readonly cards = new Map<string, CardView>();
  private readonly failures = new Map<string, FailureView>();
  private readonly arrived = new Map<string, number>();
  private acknowledged = -ACKNOWLEDGE;
  private changed = true;
  private seen = true;
  private readonly title = h("b");
  private readonly setting = h("span", { class: "m s" });
  private readonly cardList = h("div", { class: "hd2" });
  private readonly failed = h("div");
  private readonly empty = h("div", { class: "pad empty" });
  private readonly painter = new Painter(() => this.fast(), () => this.slow());
  private readonly figures = new Figures(() => this.painter.answer());
  private readonly demeaning = new DemeaningCharts();
  private readonly parameters = new Parameters(() => this.painter.answer());
  private readonly speed = new Speed();
  private readonly charts = h("div", {}, this.demeaning.element, this.figures.element, this.parameters.element, this.speed.element);
  private readonly picker = new Picker((run, on) => this.overlay(run, on));
  private readonly head = h("div", { class: "bl" }, this.title, this.setting, h("span", { class: "grow" }), this.picker.element);
  private readonly steering: Steering;
  private readonly actions: Actions;
  private readonly store: Store;
  private readonly endings: (() => void)[];

  constructor(
    private readonly panel: HTMLElement,
    private readonly connection: Connection,
  ) {
    this.trace = connection.get("page_kind") === "trace";
    this.steering = new Steering(connection, (run, sentence) => this.warn(run, sentence));
    this.actions = {
      steer: (action, run) => this.steering.steer(action, run),
      remedy: (action, run) => this.steering.remedy(action, run),
      compare: this.trace ? null : (run) => this.compare(run),
      steerable: connection.get<boolean | undefined>("steerable") !== false,
    };
    panel.append(this.head, this.empty, this.cardList, this.failed, this.charts);
    this.showEmpty();
    this.store = new Store(connection, (card, before) => this.onCard(card, before), (run, through) => this.onSteps(run, through), (run) => this.overlay(run, false));
    this.endings = [connection.onAlive((alive) => this.onAlive(alive)), connection.watch("setup", () => this.showEmpty()), connection.watch("runs", () => this.painter.request()), this.ticking(), this.watchSight()];
    this.store.open();
    this.painter.request();
  }

  end(): void {
    this.endings.forEach((end) => end());
    this.store.end();
    this.steering.end();
    this.painter.end();
    this.figures.end();
    this.demeaning.end();
    this.parameters.end();
    this.failures.forEach((view) => view.end());
    this.panel.replaceChildren();
  }

  /** Open the comparison with this run in it. */
  private compare(run: string): void {
    const { ids } = this.connection.get<Results>("results");
    if (!ids.includes(run)) this.connection.send("compare", { ids: [...ids, run] });
    this.connection.goto("results");
  }

  private onCard(card: Card, before: Card | null): void {
    const cards = new Map([...this.store.runs].map(([id, run]) => [id, run.card]));
    if (!before && this.trace) this.shown.add(card.id);
    else if (!before || (isGoing(card) && !isGoing(before))) this.shown.admit(card.id, cards, this.overlaid);
    this.speak(card, before);
    const onlyFigures = before && isGoing(card) && card.state === before.state && phaseOf(card) === phaseOf(before);
    if (onlyFigures) return; // new figures alone are shown with the small charts
    this.changed = true;
    this.painter.request();
  }

  private speak(card: Card, before: Card | null): void {
    if (!before) return;
    const [phase, earlier] = [phaseOf(card), phaseOf(before)];
    if (card.state === "failed" && before.state !== "failed") this.connection.announce(`${card.name}: ${card.heading}`, true);
    else if (card.state !== before.state) this.connection.announce(`${card.name}: ${card.status_label.replace(/^\S+ /, "")}. ${card.sentence}`);
    else if (phase && phase !== earlier) this.connection.announce(`${card.name}: ${phase}`);
  }

  private onSteps(run: string, through: number): void {
    this.arrived.set(run, through);
    if (this.inSight()) this.painter.request();
    else this.acknowledge();
  }

  private onAlive(alive: boolean): void {
    if (alive) this.store.open();
    this.changed = true;
    this.painter.request();
  }

  /** Show on the run's card, or on its failure, why a command is not carried out. */
  private warn(run: string, sentence: string | null): void {
    this.cards.get(run)?.warn(sentence);
    this.failures.get(run)?.warn(sentence);
    if (sentence !== null) this.connection.announce(sentence);
  }

  private overlay(run: string, on: boolean): void {
    if (on && this.shown.add(run)) this.overlaid.add(run);
    if (!on) {
      this.shown.remove(run);
      this.overlaid.delete(run);
    }
    this.changed = true;
    this.painter.answer();
  }

  /** Draw what changes with each step: the chart of the gap, and the cards when they change. */
  private fast(): void {
    const placed = this.placed();
    if (this.changed) this.drawFast(placed);
    this.drawGap(placed);
    this.arrived.forEach((through, run) => this.announceDrawn(run, through));
    this.acknowledge();
  }

  private drawFast(placed: Placed[]): void {
    this.changed = false;
    mark(this.empty, "hidden", this.store.runs.size > 0);
    this.describe(placed);
    this.showCards(placed);
    this.showFailures(placed);
  }

  private drawGap(placed: Placed[]): void {
    const charted = placed.filter(({ run }) => run.history.length || run.innerTrace.length);
    const allFailed = placed.length > 0 && placed.every(({ run }) => run.card.state === "failed");
    this.charts.hidden = allFailed || !charted.length;
    if (this.charts.hidden) return;
    this.demeaning.update(charted);
    const optimized = charted.filter(({ run }) => !run.card.solved && run.history.length);
    this.figures.element.hidden = !optimized.length;
    if (optimized.length) this.figures.fast(optimized);
  }

  /** Announce by an event that steps are drawn, so that the delay can be measured. */
  private announceDrawn(run: string, through: number): void {
    this.panel.dispatchEvent(new CustomEvent("workbench:drawn", { bubbles: true, composed: true, detail: { run, through } }));
  }

  /** Draw what may be a second old: the cards' figures, the small charts and the speed. */
  private slow(): void {
    const placed = this.placed();
    this.drawFast(placed);
    if (this.charts.hidden) return;
    const charted = placed.filter(({ run }) => run.history.length);
    const optimized = charted.filter(({ run }) => !run.card.solved);
    if (optimized.length) this.figures.slow(optimized);
    this.parameters.update(optimized.length ? charted : []); // one solved value alone is no picture
    this.speed.update(charted, this.painter.share);
  }

  private placed(): Placed[] {
    return [...this.shown.places]
      .map(([id, slot]) => ({ run: this.store.runs.get(id), slot }))
      .filter((one): one is Placed => one.run !== undefined)
      .sort((one, other) => one.slot - other.slot);
  }

  /** The style of a run's line: that of the list of runs, or, without a list, by the order of the runs. */
  private style(id: string): number | null {
    if (this.trace) return [...this.store.runs.keys()].indexOf(id) % MOST_SHOWN;
    return this.connection.get<RunRow[]>("runs").find((row) => row.id === id)?.series ?? null;
  }

  private describe(placed: Placed[]): void {
    const [first] = placed;
    this.head.hidden = !this.store.runs.size;
    const newest = [...this.store.runs.values()].sort((one, other) => other.card.started - one.card.started);
    this.picker.update(newest, this.shown.ids);
    if (!first) return (text(this.title, "No run is on the charts"), text(this.setting, ""));
    const { card } = first.run;
    const common = (read: (card: Card) => string): string => (placed.every(({ run }) => read(run.card) === read(card)) ? read(card) : "");
    text(this.title, common(({ data }) => data) || "Several data sets");
    text(this.setting, [`started ${timeOfDay(card.started)}`, common(({ setting }) => setting)].filter(Boolean).join(", "));
  }

  private showCards(all: Placed[]): void {
    const placed = all.filter(({ run }) => run.card.state !== "failed");
    keep(this.cards, placed, (view) => view.element.remove());
    for (const { run, slot } of placed) {
      const view = this.cards.get(run.card.id) ?? new CardView(run, this.actions);
      this.cards.set(run.card.id, view);
      view.update(run, slot, this.connection.alive);
    }
    order(this.cardList, placed.map(({ run }) => this.cards.get(run.card.id)!.element));
    this.cardList.hidden = !placed.length;
    this.cardList.classList.toggle("one", placed.length === 1);
  }

  private showFailures(all: Placed[]): void {
    const placed = all.filter(({ run }) => run.card.state === "failed");
    keep(this.failures, placed, (view) => view.end());
    for (const one of placed) {
      const view = this.failures.get(one.run.card.id) ?? new FailureView(one.run.card.id, this.actions);
      this.failures.set(one.run.card.id, view);
      view.update(one, all, this.connection.alive);
    }
    order(this.failed, placed.map(({ run }) => this.failures.get(run.card.id)!.element));
  }

  /** Before the first run: what is set up, and a button that opens Setup. */
  private showEmpty(): void {
    if (this.trace) return fill(this.empty, h("p", { class: "m" }, "Waiting for the first step."));
    const { data, check, sentence } = this.connection.get<SetupState>("setup");
    const ready = data !== null && check.ok;
    const words = !data ? "Choose a data source to begin." : ready ? rich(sentence) : `One thing to fix: ${check.brief}.`;
    fill(this.empty, h("p", {}, (!data || ready) && [h("span", { class: "chip stop" }, data ? "○ Ready" : "○ No data"), " "], words),
      h("button", { class: "btn", type: "button", onclick: () => this.connection.goto("setup") }, "Open Setup"));
  }

  private acknowledge(): void {
    if (!this.arrived.size) return;
    this.arrived.clear();
    if (performance.now() - this.acknowledged < ACKNOWLEDGE) return;
    this.acknowledged = performance.now();
    this.connection.send("ack");
  }

  /** Keep the clocks of running cards going between messages. */
  private ticking(): () => void {
    const timer = window.setInterval(() => {
      const silent = (run: Run): boolean => performance.now() - run.received > TICK;
      const going = [...this.store.runs.values()].some((run) => isGoing(run.card) && silent(run));
      if (going && this.inSight()) this.showCards(this.placed());
    }, TICK);
    return () => window.clearInterval(timer);
  }

  private inSight(): boolean {
    return !document.hidden && this.seen;
  }

  private watchSight(): () => void {
    const observer = new IntersectionObserver((entries) => {
      this.seen = entries[entries.length - 1]!.isIntersecting;
      this.painter.request();
    });
    observer.observe(this.panel);
    return () => observer.disconnect();
  }
}

function phaseOf({ phases }: Card): string | undefined {
  return phases.find(({ state }) => state === "current")?.label;
}

function keep<V>(views: Map<string, V>, placed: Placed[], drop: (view: V) => void): void {
  for (const [id, view] of views) {
    if (placed.some(({ run }) => run.card.id === id)) continue;
    drop(view);
    views.delete(id);
  }
}

/** Put elements in order, touching the page only when the order changed. */
function order(parent: Element, elements: HTMLElement[]): void {
  const same = parent.childElementCount === elements.length && elements.every((element, index) => parent.children[index] === element);
  if (!same) parent.replaceChildren(...elements);
}
