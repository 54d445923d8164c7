// The notebook around the widget: the clipboard, and a new cell below the widget's own.

/** Copy text; where the clipboard is closed to scripts, through a field that is selected. */
export async function copyText(words: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const field = document.createElement("textarea");
    field.value = words;
    field.style.cssText = "position:fixed;opacity:0";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** Whether the page lets a widget add a cell: JupyterLab exposes its application only on request. */
export function canInsertCell(): boolean {
  return Boolean((window as any).jupyterapp?.commands?.hasCommand?.("notebook:insert-cell-below"));
}

/** Add a cell with `source` below the cell that shows `element`. */
export async function insertCellBelow(element: HTMLElement, source: string): Promise<void> {
  const app = (window as any).jupyterapp;
  const notebook = notebookAround(app, element);
  if (!notebook) return;
  const at = notebook.widgets.findIndex((cell: any) => cell.node.contains(element));
  if (at >= 0) notebook.activeCellIndex = at;
  await app.commands.execute("notebook:insert-cell-below");
  notebook.activeCell?.model.sharedModel.setSource(source);
}

function notebookAround(app: any, element: HTMLElement): any {
  for (const panel of app.shell.widgets("main")) {
    if (panel.node.contains(element) && panel.content?.widgets) return panel.content;
  }
  return null;
}
