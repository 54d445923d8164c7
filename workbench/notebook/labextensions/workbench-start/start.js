// Runs the first code cell of the notebook that `make lab` opens, so that the workbench stands
// ready. JupyterLab loads this file as a prebuilt extension, and nothing in it needs a build.

(() => {
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);

  async function start(app) {
    await app.restored;
    const panel = await app.commands.execute("docmanager:open", { path: config.workbenchStart });
    await panel.context.ready;
    const sources = sourcesOf(panel);
    await panel.sessionContext.ready;
    await panel.sessionContext.session?.kernel?.info; // the kernel answers
    const index = panel.content.widgets.findIndex((cell) => cell.model.type === "code");
    if (app.shell.currentWidget !== panel || !isNew(panel.content.widgets[index])) return;
    await run(app, panel.content, index);
    // What nobody typed is nothing to save: the notebook's file stays as it is.
    if (sourcesOf(panel) === sources) panel.context.model.dirty = false;
  }

  async function run(app, notebook, index) {
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    await app.commands.execute("notebook:run-cell");
    notebook.outerNode.scrollTop = 0;
  }

  function isNew(cell) {
    const { outputs, executionCount, executionState } = cell?.model ?? {};
    return outputs?.length === 0 && !executionCount && executionState === "idle";
  }

  function sourcesOf(panel) {
    return JSON.stringify(panel.context.model.sharedModel.cells.map((cell) => cell.source));
  }

  const plugin = {
    id: "workbench-start:plugin",
    autoStart: true,
    activate: (app) => {
      if (config.treePath === config.workbenchStart) void start(app);
    },
  };

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["workbench-start"] = {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
