// Bundles the page: one ES module and one style sheet, into ../static.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const shared = { bundle: true, minify: true, charset: "utf8", logLevel: "warning" };

await build({
  ...shared,
  entryPoints: [here("src/main.ts")],
  outfile: here("../static/workbench.js"),
  format: "esm",
  target: "es2022",
});
await build({
  ...shared,
  entryPoints: [here("src/style.css")],
  outfile: here("../static/workbench.css"),
});
