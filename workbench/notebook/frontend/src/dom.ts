// Builds elements.  Text only ever enters as text nodes and attributes, so no name can become markup.

export type Child = Node | string | number | null | undefined | false | Child[];
type Attributes = Record<string, unknown>;

/** Create an element: `onclick`-like keys take listeners, null and false leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return dress(document.createElement(tag), attributes, children);
}

/** Create an SVG element in the same way as {@link h}. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return dress(element as SVGElementTagNameMap[K], attributes, children);
}

function dress<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(parent, child);
    else if (child instanceof Node) parent.append(child);
    else if (child !== null && child !== undefined && child !== false) parent.append(String(child));
  }
}

/** Put new children in the place of the old ones. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** Set an element's text, touching the page only when it changed: a text node that stands is kept. */
export function text(element: Element, value: string): void {
  if (element.textContent === value) return;
  const { firstChild, lastChild } = element;
  if (value && firstChild === lastChild && firstChild instanceof Text) firstChild.data = value;
  else element.textContent = value;
}

/** Set or remove an attribute, touching the page only when it changed. */
export function mark(element: Element, name: string, value: string | boolean | null): void {
  const wanted = value === false || value === null ? null : value === true ? "" : value;
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/** Turn a sentence with `names` between backticks into text and code elements; a power of ten stays on one line. */
export function rich(sentence: string): Child[] {
  return unbroken(sentence).split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/** Keep 1.3 × 10⁻⁸ on one line. */
export function unbroken(sentence: string): string {
  return sentence.replace(/ × (?=10)/g, "\u00a0×\u00a0");
}

/** Move a roving tab stop along a group with the arrow keys; returns the listener's remover. */
export function roving(group: HTMLElement, items: () => HTMLElement[], choose?: (item: HTMLElement) => void): () => void {
  const onKey = (event: KeyboardEvent): void => {
    const all = items();
    const at = all.indexOf(event.target as HTMLElement);
    const next = at < 0 ? null : target(event.key, at, all.length);
    if (next === null) return;
    event.preventDefault();
    const item = all[next]!;
    all.forEach((other) => (other.tabIndex = other === item ? 0 : -1));
    item.focus();
    choose?.(item);
  };
  group.addEventListener("keydown", onKey);
  return () => group.removeEventListener("keydown", onKey);
}

function target(key: string, at: number, count: number): number | null {
  if (key === "ArrowRight" || key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowLeft" || key === "ArrowUp") return (at + count - 1) % count;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : null;
}
