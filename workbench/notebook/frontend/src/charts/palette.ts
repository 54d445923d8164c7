// The look of the series: colour, dash and marker, so that no line depends on its colour alone.
import { svg } from "../dom";

export const DASHES: number[][] = [[], [6, 3], [2, 3], [9, 3, 2, 3], []];
type Marker = (context: CanvasRenderingContext2D, x: number, y: number, size: number) => void;

/** Colours of the theme in force, read from the style sheet's variables. */
export interface Colours {
  series: string[];
  surface: string;
  text: string;
  muted: string;
  hair: string;
  field: string;
  font: string;
}

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    series: [1, 2, 3, 4, 5].map((slot) => read(`--wb-s${slot}`)),
    surface: read("--wb-surface"),
    text: read("--wb-text"),
    muted: read("--wb-muted"),
    hair: read("--wb-hair"),
    field: read("--wb-field"),
    font: style.fontFamily || "sans-serif",
  };
}

const disc: Marker = (context, x, y, size) => context.arc(x, y, size, 0, 2 * Math.PI);
const triangle: Marker = (context, x, y, size) => {
  context.moveTo(x, y - 1.33 * size);
  context.lineTo(x + 1.33 * size, y + size);
  context.lineTo(x - 1.33 * size, y + size);
  context.closePath();
};
const square: Marker = (context, x, y, size) => context.rect(x - size, y - size, 2 * size, 2 * size);
const diamond: Marker = (context, x, y, size) => {
  context.moveTo(x, y - 1.4 * size);
  context.lineTo(x + 1.4 * size, y);
  context.lineTo(x, y + 1.4 * size);
  context.lineTo(x - 1.4 * size, y);
  context.closePath();
};
const cross: Marker = (context, x, y, size) => {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
};
/** Each marker, whether it is open, and whether it has an inside that can be filled. */
const MARKERS: { draw: Marker; open: boolean; inside: boolean }[] = [
  { draw: disc, open: false, inside: true },
  { draw: triangle, open: true, inside: true },
  { draw: square, open: false, inside: true },
  { draw: diamond, open: true, inside: true },
  { draw: cross, open: true, inside: false },
];

/** Draw one marker of a series, full or open, on a canvas whose pixels are `ratio` to a CSS pixel. */
export function drawMarker(
  context: CanvasRenderingContext2D,
  slot: number,
  [x, y]: [number, number],
  ratio: number,
  colours: Colours,
  turned = false,
): void {
  const { draw, inside, ...usual } = MARKERS[slot]!;
  const open = usual.open !== turned || !inside;
  context.beginPath();
  draw(context, x, y, 3 * ratio);
  context.setLineDash([]);
  context.fillStyle = open ? colours.surface : colours.series[slot]!;
  if (inside) context.fill();
  if (!open) return;
  context.lineWidth = 1.8 * ratio;
  context.strokeStyle = colours.series[slot]!;
  context.stroke();
}

const SHAPES = [
  () => svg("circle", { cx: 13, cy: 6, r: 3, class: "k1" }),
  () => svg("path", { d: "M13 2l4 7h-8z", class: "k2" }),
  () => svg("rect", { x: 10, y: 3, width: 6, height: 6, class: "k3" }),
  () => svg("path", { d: "M13 1.8l4.2 4.2-4.2 4.2-4.2-4.2z", class: "k4" }),
  () => svg("path", { d: "M10 3l6 6M16 3l-6 6", class: "k5" }),
];

/** A sample of a series' line, for captions. */
export function swatch(slot: number): SVGElement {
  return svg("svg", { class: "swt", viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" },
    svg("path", { class: `l c${slot + 1}`, d: "M0 6H26" }), SHAPES[slot]!());
}

/** A sample of a column's line; nothing for columns beyond the line styles there are. */
export function sample(series: number | null | undefined): SVGElement | null {
  return series === null || series === undefined ? null : swatch(series);
}
