// What the kernel is doing: the notebook's messages show when a cell runs.
import type { AnyModel, Connection } from "./connection";
import { mark, text } from "./dom";
import { plural } from "./format";

/** How long a cell runs before the page says so, and how long an answer may take, in ms. */
const PATIENCE = 500;

/** Keep the kernel's state in `line`, and the number of runs in `counter`. */
export function followKernel(model: AnyModel, connection: Connection, line: HTMLElement, counter: Element): () => void {
  let [busy, deaf, timer] = [false, false, 0];
  const show = (): void => {
    const runs = connection.get<{ state?: string }[]>("runs") ?? [];
    const going = runs.filter((run) => run.state === "running" || run.state === "stopping").length;
    text(counter, runs.length ? ` (${runs.length})` : "");
    mark(line, "data-state", !connection.alive ? "gone" : busy ? "busy" : going ? "going" : "idle");
    text(line, connection.alive ? stateOf(going, busy, deaf) : "Kernel gone");
  };
  /** While a cell runs, the page's commands may have to wait; only an answer shows whether they do. */
  const ask = (working: boolean): void => {
    window.clearTimeout(timer);
    [busy, deaf] = [working, false];
    if (working) {
      connection.send("ping");
      timer = window.setTimeout(() => ((deaf = true), show()), PATIENCE);
    }
    show();
  };
  const answered = (): void => {
    window.clearTimeout(timer);
    deaf = false;
    show();
  };
  show();
  const endings = [connection.watch("runs", show), connection.onAlive(show), connection.on("pong", answered), followCells(model, ask)];
  return () => {
    window.clearTimeout(timer);
    endings.forEach((end) => end());
  };
}

function stateOf(going: number, busy: boolean, deaf: boolean): string {
  if (!busy) return going ? `${plural(going, "run")} going, kernel free` : "Kernel idle";
  if (!going) return "Kernel busy with a cell";
  return `${plural(going, "run")} going, kernel busy with a cell${deaf ? "; Stop acts when it ends" : ""}`;
}

/** Call `announce` when a cell has run for a while, and when it ends; messages of widgets are no cells. */
export function followCells(model: AnyModel, announce: (working: boolean) => void): () => void {
  const kernel = model.widget_manager?.kernel;
  if (!kernel?.iopubMessage) return () => undefined; // another host than Jupyter's own
  let timer = 0;
  const note = (working: boolean): void => {
    window.clearTimeout(timer);
    if (working) timer = window.setTimeout(() => announce(true), PATIENCE);
    else announce(false);
  };
  let unsure = kernel.status === "busy"; // with a cell, or with a message that no cell sent
  const onMessage = (_: unknown, { header, parent_header: parent, content }: any): void => {
    if (header.msg_type !== "status") return;
    const working = content.execution_state === "busy";
    if (parent?.msg_type !== "execute_request" && (working || !unsure)) return;
    unsure = false;
    note(working);
  };
  kernel.iopubMessage.connect(onMessage);
  if (unsure) note(true);
  return () => {
    window.clearTimeout(timer);
    kernel.iopubMessage.disconnect(onMessage);
  };
}
