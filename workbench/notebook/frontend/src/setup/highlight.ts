// Colours for the code shown: strings, comments, keywords, options and numbers of Python and %%mle.
import { h, type Child } from "../dom";

const PYTHON = /("""[\s\S]*?"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(#.*)|\b(from|import|as|None|True|False|lambda|return|def)\b|\b(\d[\d_.]*(?:e-?\d+)?)\b/g;
const MAGIC = /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(#.*)|(^%%\w+|^params:)|(?<=\s)(--[\w-]+)/gm;
const CLASSES = ["str", "com", "kw", "nb"];

/** Cut code into text and coloured spans. */
export function highlighted(code: string, language: "python" | "magic"): Child[] {
  const pieces: Child[] = [];
  let at = 0;
  for (const match of code.matchAll(language === "python" ? PYTHON : MAGIC)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    pieces.push(code.slice(at, match.index), h("span", { class: CLASSES[kind] }, match[0]));
    at = match.index + match[0].length;
  }
  return [...pieces, code.slice(at)];
}
