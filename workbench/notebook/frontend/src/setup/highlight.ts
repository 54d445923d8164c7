// Colours for the code shown: strings, comments, keywords, options and numbers of Python and %%mle.
import { h } from "../dom";

const PYTHON = /("""[\s\S]*?"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(#.*)|\b(from|import|as|None|True|False|lambda|return|def)\b|\b(\d[\d_.]*(?:e-?\d+)?)\b/g;
const MAGIC = /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(#.*)|(^%%\w+|^params:)|(?<=\s)(--[\w-]+)/gm;
const CLASSES = ["str", "com", "kw", "nb"];

/** Cut code into its lines, each with coloured spans; a line too long for the page hangs. */
export function highlighted(code: string, language: "python" | "magic"): HTMLElement[] {
  const lines = [line()];
  const add = (text: string, kind?: string): void =>
    text.split("\n").forEach((part, index) => {
      if (index) lines.push(line());
      lines.at(-1)!.append(kind ? h("span", { class: kind }, part) : part);
    });
  let at = 0;
  for (const match of code.matchAll(language === "python" ? PYTHON : MAGIC)) {
    add(code.slice(at, match.index));
    add(match[0], CLASSES[match.slice(1).findIndex((group) => group !== undefined)]);
    at = match.index + match[0].length;
  }
  add(code.slice(at));
  lines.filter((empty) => !empty.textContent).forEach((empty) => empty.append("\n"));
  return lines;
}

const line = (): HTMLElement => h("span", { class: "ln" });
