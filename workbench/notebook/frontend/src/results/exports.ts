// The table taken elsewhere: formatted on the clipboard, or as a file, with the kernel or without.
import type { Connection } from "../connection";
import { fill, h, mark, roving } from "../dom";
import { newId } from "../setup/controls";
import { copyText } from "../setup/cells";
import type { Exports } from "./state";

type Format = "latex" | "html" | "word" | "markdown" | "csv";
const FORMATS: { key: "copy" | Format; label: string; note: string }[] = [
  { key: "copy", label: "Copy formatted", note: "paste into Word" },
  { key: "latex", label: "LaTeX", note: "booktabs" },
  { key: "html", label: "HTML", note: "" },
  { key: "word", label: "Word", note: ".docx" },
  { key: "markdown", label: "Markdown", note: "" },
  { key: "csv", label: "CSV", note: "all digits" },
];
const FILES: Record<Exclude<Format, "word">, [name: string, type: string]> = {
  latex: ["comparison.tex", "application/x-tex"],
  html: ["comparison.html", "text/html"],
  markdown: ["comparison.md", "text/markdown"],
  csv: ["comparison.csv", "text/csv"],
};
const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** Copy, Export and the menu below it; `status` says what was done. */
export class ExportMenu {
  private readonly id = newId("export");
  private readonly copy = h("button", { class: "btn sm", type: "button", onclick: () => this.take("copy") }, "Copy");
  private readonly button = h("button", { class: "btn sm", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": this.id,
    onclick: () => this.open(this.menu.hidden) }, "Export ▾");
  private readonly menu = h("div", { class: "mn", role: "menu", id: this.id, "aria-label": "Export table", hidden: true });
  readonly element = h("span", { class: "export" }, this.copy, this.button, this.menu);
  readonly status = h("p", { class: "s m line", role: "status", hidden: true });
  private exports: Exports | null = null;

  constructor(private readonly connection: Connection) {
    roving(this.menu, () => [...this.menu.querySelectorAll<HTMLElement>("button")]);
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.open(false, false);
    });
    connection.on("word", (content, buffers) => {
      const [document] = buffers;
      if (document) this.save(new Blob([document as BlobPart], { type: WORD }), String(content.name ?? "comparison.docx"));
    });
  }

  show(exports: Exports | null): void {
    if (exports?.csv !== this.exports?.csv) this.status.hidden = true; // it spoke of another table
    this.exports = exports;
    this.copy.disabled = this.button.disabled = exports === null;
  }

  private open(wanted: boolean, refocus = true): void {
    if (wanted) fill(this.menu, FORMATS.map(({ key, label, note }) => this.item(key, label, note)));
    const was = !this.menu.hidden;
    this.menu.hidden = !wanted;
    mark(this.button, "aria-expanded", String(wanted));
    if (wanted) this.menu.querySelector("button")?.focus();
    else if (was && refocus) this.button.focus();
  }

  private item(key: "copy" | Format, label: string, note: string): HTMLElement {
    const off = key === "word" && !this.connection.alive;
    return h("button", { type: "button", role: "menuitem", tabindex: -1, "aria-disabled": off ? "true" : null, onclick: () => !off && this.take(key) },
      label, h("span", { class: "m" }, off ? "needs the kernel" : note));
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape" || this.menu.hidden) return;
    event.preventDefault();
    this.open(false);
  }

  private take(key: "copy" | Format): void {
    this.open(false);
    if (!this.exports) return;
    if (key === "copy") void copyFormatted(this.exports).then(() => this.say("Copied: paste it into a document, where it stays a table."));
    else if (key === "word") this.connection.send("word");
    else this.file(key, this.exports[key]);
  }

  private file(key: Exclude<Format, "word">, content: string): void {
    const [name, type] = FILES[key];
    this.save(new Blob([content], { type: `${type};charset=utf-8` }), name);
    const copy = h("button", { class: "btn q s", type: "button", onclick: () => void copyText(content).then(() => this.say(`The text of ${name} is on the clipboard.`)) }, "Copy its text");
    this.say(`${name} is saved with your downloads. `, copy);
  }

  private save(content: Blob, name: string): void {
    const link = h("a", { href: URL.createObjectURL(content), download: name });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.say(`${name} is saved with your downloads.`);
  }

  private say(...words: (string | Node)[]): void {
    this.status.hidden = false;
    fill(this.status, words);
  }
}

/** Put the table on the clipboard as HTML and as text. */
async function copyFormatted(exports: Exports): Promise<void> {
  const blob = (words: string, type: string): Blob => new Blob([words], { type });
  try {
    const item = new ClipboardItem({ "text/html": blob(exports.html, "text/html"), "text/plain": blob(exports.text, "text/plain") });
    await navigator.clipboard.write([item]);
  } catch {
    await copyText(exports.text);
  }
}
