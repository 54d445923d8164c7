// Follows the page's theme: light or dark is read from the surface the widget stands on.

const changes = new EventTarget();

/** Mark `root` with data-theme and keep the mark true; returns the clean-up. */
export function followTheme(root: HTMLElement): () => void {
  const look = (): void => {
    const theme = isDark(root) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changes.dispatchEvent(new Event("change"));
  };
  const soon = (): void => {
    look();
    window.setTimeout(look, 200); // a theme's style sheet may arrive after its attribute
  };
  const observer = new MutationObserver(soon);
  const watched = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-jp-theme-light", "data-jp-theme-name"] };
  observer.observe(document.body, watched);
  observer.observe(document.documentElement, watched);
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", soon);
  requestAnimationFrame(soon);
  soon();
  return () => {
    observer.disconnect();
    media.removeEventListener("change", soon);
  };
}

/** Call `handler` whenever a widget on this page changes between light and dark. */
export function onTheme(handler: () => void): () => void {
  changes.addEventListener("change", handler);
  return () => changes.removeEventListener("change", handler);
}

function isDark(root: HTMLElement): boolean {
  const marked = document.body.dataset.jpThemeLight;
  if (marked) return marked === "false";
  for (let at: HTMLElement | null = root.parentElement; at; at = at.parentElement) {
    const shade = luminance(getComputedStyle(at).backgroundColor);
    if (shade !== null) return shade < 0.5;
  }
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Lightness of an opaque `rgb(...)` colour between 0 and 1; null where it is see-through. */
function luminance(colour: string): number | null {
  const parts = colour.match(/[\d.]+/g)?.map(Number) ?? [];
  const [red, green, blue, alpha = 1] = parts;
  if (red === undefined || green === undefined || blue === undefined || alpha < 0.5) return null;
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
}
