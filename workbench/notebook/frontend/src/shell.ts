// The frame of the widget: tabs, the kernel's state, sentences for screen readers, and keyboard shortcuts.
import { connect, type AnyModel, type Connection, type Tab } from "./connection";
import { h, mark, roving, text } from "./dom";
import { followKernel } from "./kernel";
import { mountResults } from "./results/index";
import type { RunRow } from "./results/state";
import { mountRun } from "./run/index";
import { mountSetup } from "./setup/index";
import { followTheme } from "./theme";

type Mount = (panel: HTMLElement, connection: Connection) => () => void;

const TABS: { key: Tab; label: string; mount: Mount }[] = [
  { key: "setup", label: "Setup", mount: mountSetup },
  { key: "run", label: "Run", mount: mountRun },
  { key: "results", label: "Results", mount: mountResults },
];
const POLITE_PAUSE = 5000;
const GOING = ["running", "paused", "stopping"];
const GONE = "The kernel is gone. Finished runs stay readable here; run the cell again to continue.";

/** Draw the page of the model's kind into `el`; returns the clean-up. */
export function mountShell(model: AnyModel, el: HTMLElement): () => void {
  const voice = new Voice();
  const root = h("section", {
    class: "wb",
    "aria-label": model.get("page_kind") === "trace" ? "Live trace" : "Estimation workbench",
    onkeydown: (event: KeyboardEvent) => leaveOnEscape(event, el),
  });
  root.append(voice.polite, voice.urgent);
  el.append(root);
  const endings = [followTheme(root), foldSaved(root), ownKeys(root), model.get("page_kind") === "trace" ? trace(model, root, voice) : tabs(model, root, voice)];
  return () => {
    endings.forEach((end) => end());
    root.remove();
  };
}

function trace(model: AnyModel, root: HTMLElement, voice: Voice): () => void {
  const panel = h("div", { class: "panel" });
  const [connection, disconnect] = connect(model, { goto: () => undefined, announce: voice.say });
  const [banner, unfollow] = gone(connection);
  root.append(banner, panel);
  const unmount = mountRun(panel, connection);
  return () => (unmount(), unfollow(), disconnect());
}

function tabs(model: AnyModel, root: HTMLElement, voice: Voice): () => void {
  const id = `wb-${Math.random().toString(36).slice(2, 10)}`;
  const buttons = TABS.map(({ key, label }) =>
    h("button", { class: "tab", role: "tab", id: `${id}-${key}`, "aria-controls": `${id}-${key}-panel`, "data-tab": key, type: "button",
      onclick: () => goto(key) }, h("b", {}, label), key === "results" ? h("span", { class: "xs tab-count" }) : null),
  );
  const panels = TABS.map(({ key }) =>
    h("div", { class: "panel", role: "tabpanel", id: `${id}-${key}-panel`, "aria-labelledby": `${id}-${key}` }),
  );
  const kernel = h("span", { class: "kern", role: "status" });
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Workbench views" }, buttons);
  root.append(h("div", { class: "top" }, list, h("span", { class: "grow" }), kernel), ...panels);

  const goto = (tab: Tab): void => {
    const left = panels.some((panel, index) => TABS[index]!.key !== tab && panel.contains(document.activeElement));
    TABS.forEach(({ key }, index) => {
      mark(buttons[index]!, "aria-selected", String(key === tab));
      buttons[index]!.tabIndex = key === tab ? 0 : -1;
      panels[index]!.hidden = key !== tab;
      if (left && key === tab) buttons[index]!.focus(); // a hidden panel would drop the keyboard's focus
    });
  };
  const [connection, disconnect] = connect(model, { goto, announce: voice.say });
  const going = (connection.get<RunRow[] | undefined>("runs") ?? []).some(({ state }) => GOING.includes(state));
  goto(going ? "run" : "setup"); // a page that is loaded again in mid-run shows it
  const [banner, unfollow] = gone(connection);
  panels[0]!.before(banner);
  const endings = [
    unfollow,
    roving(list, () => buttons, (button) => goto(button.dataset.tab as Tab)),
    ...TABS.map(({ mount }, index) => mount(panels[index]!, connection)),
    followKernel(model, connection, kernel, buttons[2]!.querySelector(".tab-count")!),
    disconnect,
  ];
  return () => endings.forEach((end) => end());
}

/** A line that says what a page can still do once its kernel is gone. */
function gone(connection: Connection): [HTMLElement, () => void] {
  const line = h("p", { class: "gone", hidden: true }, h("b", {}, "! "), GONE);
  const show = (alive: boolean): void => {
    line.hidden = alive;
    if (!alive) connection.announce(GONE, true);
  };
  return [line, connection.onAlive(show)];
}

/**
 * Keep the notebook's shortcuts away while the focus is inside, save for saving the notebook.
 * The notebook looks for its mark on the focused element alone, so each gets it before it looks.
 */
function ownKeys(root: HTMLElement): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (!(event.target instanceof Element) || !root.contains(event.target)) return;
    const saving = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
    mark(event.target, "data-lm-suppress-shortcuts", !saving);
  };
  window.addEventListener("keydown", onKey, true);
  return () => window.removeEventListener("keydown", onKey, true);
}

/** While this page is live, keep the result that is saved below it folded to its one line. */
function foldSaved(root: HTMLElement): () => void {
  const fold = (added: ParentNode): void => added.querySelectorAll<HTMLDetailsElement>("details.workbench-saved").forEach((saved) => (saved.open = false));
  const observer = new MutationObserver((changes) =>
    changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => node.parentElement && !root.contains(node) && fold(node.parentElement))));
  const start = requestAnimationFrame(() => {
    const area = root.closest(".jp-OutputArea, .output_wrapper");
    if (!area) return;
    observer.observe(area, { childList: true, subtree: true });
    fold(area);
  });
  return () => {
    cancelAnimationFrame(start);
    observer.disconnect();
  };
}

/** Escape moves the focus back to the notebook's cell. */
function leaveOnEscape(event: KeyboardEvent, el: HTMLElement): void {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  (document.activeElement as HTMLElement | null)?.blur();
  el.closest<HTMLElement>(".jp-Cell, .cell")?.focus();
  el.closest<HTMLElement>(".jp-Notebook")?.focus();
}

/** Two live regions: sentences wait their turn politely, errors are spoken at once. */
class Voice {
  readonly polite = h("div", { class: "sr", "aria-live": "polite", "aria-atomic": "true" });
  readonly urgent = h("div", { class: "sr", role: "alert" });
  private last = -POLITE_PAUSE;
  private timer = 0;

  say = (sentence: string, urgent = false): void => {
    if (urgent) return text(this.urgent, sentence);
    window.clearTimeout(this.timer);
    const wait = Math.max(0, this.last + POLITE_PAUSE - performance.now());
    this.timer = window.setTimeout(() => {
      this.last = performance.now();
      text(this.polite, sentence);
    }, wait);
  };
}
