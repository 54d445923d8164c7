// What anywidget loads: draws the workbench, or one trace view, into the output of a cell.
import type { AnyModel } from "./connection";
import { mountShell } from "./shell";

function render({ model, el }: { model: AnyModel; el: HTMLElement }): () => void {
  return mountShell(model, el);
}

export default { render };
