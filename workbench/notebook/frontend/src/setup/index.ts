// The Setup page: data on the left, the model on the right, Run at the foot.
import type { Connection } from "../connection";
import { h } from "../dom";
import { dataPart } from "./data";
import { footPart } from "./foot";
import { modelPart } from "./model";
import { optionsPart } from "./options";
import { Choices, type Part } from "./state";
import { wherePart } from "./where";

/** Draw the Setup page into `panel`; returns the clean-up. */
export function mountSetup(panel: HTMLElement, connection: Connection): () => void {
  const choices = new Choices(connection, () => foot.show(choices.state));
  const run = (): void => {
    if (connection.alive) choices.run();
  };
  const [data, foot] = [dataPart(choices), footPart(choices, run)];
  const right: Part[] = [modelPart(choices), optionsPart(choices), wherePart(choices)];
  panel.append(h("div", { class: "two" }, data.element, h("section", { "aria-label": "Model and options" }, right.map((part) => part.element))), foot.element);
  const show = (): void => [data, ...right, foot].forEach((part) => part.show(choices.state));
  const answer = (): void => (choices.answered(), show());
  const onKey = (event: KeyboardEvent): void => shortcuts(event, panel, run);
  const around = panel.parentElement ?? panel; // the keys act from the tabs too
  around.addEventListener("keydown", onKey);
  show();
  const endings = [
    connection.watch("setup", answer),
    connection.watch("variables", show),
    connection.onAlive(() => (freeze(panel, connection.alive), show())),
    connection.on("started", () => connection.goto("run")),
    connection.on("edited", () => connection.goto("setup")),
  ];
  return () => {
    choices.answered();
    endings.forEach((end) => end());
    around.removeEventListener("keydown", onKey);
    panel.replaceChildren();
  };
}

/** Without a kernel the form is for reading; code can still be copied. */
function freeze(panel: HTMLElement, alive: boolean): void {
  panel.querySelector(".two")!.toggleAttribute("inert", !alive);
}

function shortcuts(event: KeyboardEvent, panel: HTMLElement, run: () => void): void {
  if (panel.hidden) return;
  const typing = (event.target as HTMLElement).matches("input, textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  else if (event.key === "/" && !typing) panel.querySelector<HTMLElement>(".find-field")!.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
