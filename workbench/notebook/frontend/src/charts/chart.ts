// One live chart: up to five lines on uPlot, with markers, names at the line ends, and a keyboard.
import uPlot from "uplot";
import { h, mark, text } from "../dom";
import { count } from "../format";
import { onTheme } from "../theme";
import { lastFinite, type Line, type WithCursor } from "./cursor";
import { ChartKeyboard } from "./keyboard";
import { coloursOf, DASHES, drawMarker, type Colours } from "./palette";
import { outline } from "./outline";
import { alike, type Picture } from "./picture";
import { apart, around, decadeLabels, decadeTicks, evenLabels, evenTicks, wholeTicks } from "./ticks";

export interface ChartOptions {
  title: string;
  unit: string;
  height: number;
  log: boolean;
  /** Names at the line ends. */
  named?: boolean;
  /** A marker on every point, or on the last one only. */
  markers: "all" | "last";
  /** A dashed line with its words, such as the convergence line. */
  rule?: { at: number; text: string };
  most?: { x: number; y: number };
}

const SLOTS = DASHES.length;
/** The main line of a run, and two for its other modes in turn. */
const PLACES = 3;
const MARKER_ROOM = 14;
const LABEL_ROOM = 13;
/** The cursor follows the points, by mouse or keys, and not the mouse between them. */
const NO_MOUSE = { mousemove: () => null, mouseleave: () => null, mousedown: () => null };
const LEAST_DECADES = 1.2;
/** Points that share this much of the width are drawn as their outline. */
const PIXELS_OF_A_BUCKET = 4;

export class Chart implements WithCursor {
  readonly element: HTMLElement;
  readonly options: ChartOptions;
  lines: Line[] = [];
  xName = "step";
  private readonly canvas = h("div", { class: "canvas" });
  private readonly under = h("div", { class: "under", "aria-hidden": "true" });
  private readonly keyboard: ChartKeyboard;
  private readonly watchers: (() => void)[];
  private plot: uPlot | null = null;
  private colours: Colours | null = null;
  private width = 0;
  private drawn: Picture | null = null;
  private visible = true;
  private stale = true;

  constructor(options: ChartOptions) {
    this.options = options;
    this.canvas.style.height = `${options.height}px`;
    this.element = h("div", { class: "chart" }, this.canvas, options.markers === "all" && this.under);
    this.keyboard = new ChartKeyboard(this, (clientX) => this.valueUnder(clientX));
    this.watchers = [this.watchSize(), this.watchSight(), onTheme(() => this.recolour())];
  }

  /** Show these lines; drawn at once when the chart is on screen and would look different, else when it comes there. */
  update(lines: Line[], xName: string): void {
    this.lines = lines;
    this.xName = xName;
    this.stale = true;
    if (this.visible) this.draw();
  }

  destroy(): void {
    this.watchers.forEach((end) => end());
    this.keyboard.end();
    this.plot?.destroy();
    this.element.remove();
  }

  /** The value as people read it: log charts hold exponents. */
  value(line: Line, index: number): number {
    const y = line.y[index]!;
    return this.options.log ? 10 ** y : y;
  }

  private draw(): void {
    this.width ||= this.canvas.clientWidth; // kept: to ask for it after each change is to lay the page out
    if (!this.width || !this.canvas.isConnected) return;
    this.stale = false;
    const picture = this.picture();
    if (!this.drawn || !alike(this.drawn, picture, this.width, this.options.height)) {
      this.drawn = picture;
      if (this.plot) this.change(this.plot);
      else this.plot = new uPlot(this.settings(this.width), this.aligned(), this.canvas);
    }
    text(this.under, this.xName);
    this.keyboard.refresh();
  }

  private picture(): Picture {
    const shape = JSON.stringify([this.width, this.xName, this.lines.map(({ slot, otherMode, name, stages }) => [slot, otherMode, name, stages])]);
    const ends = this.lines.map(({ x, y }) => {
      const last = lastFinite(y);
      return { x: x[last] ?? NaN, y: y[last] ?? NaN };
    });
    return { shape, x: this.xRange(), y: this.yRange(), ends };
  }

  private change(plot: uPlot): void {
    const places = this.lines.map(placeOf);
    plot.series.forEach(({ show }, at) => {
      const wanted = at === 0 || places.includes(at - 1);
      if (show !== wanted) plot.setSeries(at, { show: wanted }, false);
    });
    plot.setData(this.aligned());
  }

  private aligned(): uPlot.AlignedData {
    const [first] = this.lines;
    if (!first) return [[], ...Array.from({ length: PLACES * SLOTS }, () => [])] as uPlot.AlignedData;
    const buckets = Math.ceil(this.width / PIXELS_OF_A_BUCKET);
    const tables = this.lines.map((line) => {
      const [x, y] = outline(line.x, line.y, buckets);
      return [x, gapped(y)] as unknown as uPlot.AlignedData;
    });
    const [x, ...columns] = tables.length > 1 ? uPlot.join(tables) : tables[0]!;
    const byPlace = new Map(this.lines.map((line, index) => [placeOf(line), columns[index]!]));
    const nothing = Array<null>(x!.length).fill(null);
    return [x!, ...Array.from({ length: PLACES * SLOTS }, (_, place) => byPlace.get(place) ?? nothing)] as uPlot.AlignedData;
  }

  private settings(width: number): uPlot.Options {
    const theme = (): Colours => (this.colours ??= coloursOf(this.canvas));
    const font = `11px ${theme().font}`;
    const places = this.lines.map(placeOf);
    const slots = Array.from({ length: PLACES * SLOTS }, (_, place) => ({
      show: places.includes(place),
      stroke: () => theme().series[place % SLOTS]!,
      width: place < SLOTS ? 2 : 1,
      dash: DASHES[place % SLOTS]!,
      points: { show: false },
    }));
    return {
      width,
      height: this.options.height,
      padding: [6, () => this.rightRoom(), 0, 0],
      legend: { show: false },
      cursor: { x: true, y: false, points: { show: false }, drag: { x: false, y: false }, bind: NO_MOUSE },
      scales: { x: { time: false, range: () => this.drawn!.x }, y: { range: () => this.drawn!.y } },
      series: [{}, ...slots],
      axes: [this.xAxis(theme, font), this.yAxis(theme, font)],
      hooks: {
        draw: [(plot) => this.decorate(plot, theme())],
      },
    };
  }

  private xAxis(theme: () => Colours, font: string): uPlot.Axis {
    return {
      stroke: () => theme().muted,
      font,
      size: 22,
      gap: 3,
      grid: { show: false },
      ticks: { stroke: () => theme().field, width: 1, size: 4 },
      border: { show: true, stroke: () => theme().field, width: 1 },
      splits: (plot, _axis, min, max) => this.xSplits(plot, min, max),
      values: (_plot, splits) => evenLabels(splits, (splits[1] ?? 1) - (splits[0] ?? 0) || 1),
    };
  }

  private yAxis(theme: () => Colours, font: string): uPlot.Axis {
    const log = this.options.log;
    return {
      stroke: () => theme().muted,
      font,
      size: (_plot, values) => Math.max(38, ...(values ?? []).map((label) => 6.4 * label.length + 9)),
      gap: 5,
      grid: { stroke: () => theme().hair, width: 1 },
      ticks: { show: false },
      splits: (plot, _axis, min, max) => this.ySplits(plot, min, max),
      values: (_plot, splits) => (log ? decadeLabels(splits) : evenLabels(splits, (splits[1] ?? 1) - (splits[0] ?? 0) || 1)),
    };
  }

  /** Half of the last label of the horizontal axis, which may stand at the very end. */
  private rightRoom(): number {
    const [, max] = this.drawn!.x;
    return Math.max(12, 3.4 * count(Math.round(max)).length + 3);
  }

  private xSplits(plot: uPlot, min: number, max: number): number[] {
    const widest = Math.max(40, 8 * count(max).length + 12);
    const most = Math.min(this.options.most?.x ?? Infinity, Math.max(1, Math.floor(plot.bbox.width / uPlot.pxRatio / widest)));
    return this.xName === "seconds" ? evenTicks(min, max, most) : wholeTicks(min, max, most);
  }

  private ySplits(plot: uPlot, min: number, max: number): number[] {
    const most = this.options.most?.y ?? Math.max(2, Math.floor(plot.bbox.height / uPlot.pxRatio / 24));
    return this.options.log ? decadeTicks(min, max, most) : evenTicks(min, max, most);
  }

  private xRange(): [number, number] {
    const [min, max] = extent(this.lines.map((line) => line.x));
    if (!(max > min)) return [min > 0 && this.xName !== "step" ? 0 : Number.isFinite(min) ? min : 0, Number.isFinite(max) && max > 0 ? max + 1 : 4];
    return [min, this.options.named ? min + (max - min) / (1 - this.labelShare()) : max];
  }

  private yRange(): [number, number] {
    const [min, max] = extent(this.lines.map((line) => line.y));
    const rule = this.options.rule?.at;
    const least = this.options.log ? LEAST_DECADES : 0;
    return rule === undefined ? around(min, max, least) : around(Math.min(min, rule), Math.max(max, rule), least);
  }

  /** The share of the width that the names at the line ends need. */
  private labelShare(): number {
    const longest = Math.max(0, ...this.named().map((line) => shortened(line.name).length));
    return Math.min(0.4, (7 * longest + 20) / Math.max(200, this.width - 50));
  }

  private decorate(plot: uPlot, colours: Colours): void {
    const context = plot.ctx;
    context.save();
    this.drawRule(plot, colours);
    for (const line of this.lines) this.drawStages(plot, line, colours);
    for (const line of this.lines) this.drawMarkers(plot, line, colours);
    if (this.options.named) this.drawNames(plot, colours);
    context.restore();
  }

  private drawRule(plot: uPlot, colours: Colours): void {
    const rule = this.options.rule;
    if (!rule) return;
    const [context, ratio, y] = [plot.ctx, uPlot.pxRatio, plot.valToPos(rule.at, "y", true)];
    context.strokeStyle = colours.field;
    context.lineWidth = ratio;
    context.setLineDash([3 * ratio, 3 * ratio]);
    context.beginPath();
    context.moveTo(plot.bbox.left, y);
    context.lineTo(plot.bbox.left + plot.bbox.width, y);
    context.stroke();
    write(context, rule.text, plot.bbox.left + 6 * ratio, y - 7 * ratio, colours.muted, `${11 * ratio}px ${colours.font}`);
  }

  /** A thin upright line where a stage begins, its words at the top, on the side that has room. */
  private drawStages(plot: uPlot, line: Line, colours: Colours): void {
    const [context, ratio, { left, top, width, height }] = [plot.ctx, uPlot.pxRatio, plot.bbox];
    const font = `${11 * ratio}px ${colours.font}`;
    (line.stages ?? []).forEach(({ at, text: words }, index) => {
      const x = plot.valToPos(at, "x", true);
      context.strokeStyle = colours.field;
      context.lineWidth = ratio;
      context.setLineDash([ratio, 3 * ratio]);
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
      context.setLineDash([]);
      const y = top + (8 + (index % 3) * LABEL_ROOM) * ratio; // neighbours stand below each other
      context.font = font;
      const room = context.measureText(shortened(words)).width + 5 * ratio;
      write(context, shortened(words), x + room > left + width ? x - room : x + 5 * ratio, y, colours.muted, font);
    });
  }

  private drawMarkers(plot: uPlot, line: Line, colours: Colours): void {
    const last = lastFinite(line.y);
    const every = this.options.markers === "last" ? Infinity : Math.ceil((line.y.length * MARKER_ROOM * uPlot.pxRatio) / plot.bbox.width);
    for (let index = 0; index <= last; index += 1) {
      const wanted = index === last || (Number.isFinite(every) && (last - index) % every === 0);
      if (!wanted || !Number.isFinite(line.y[index]!)) continue;
      const at: [number, number] = [plot.valToPos(line.x[index]!, "x", true), plot.valToPos(line.y[index]!, "y", true)];
      drawMarker(plot.ctx, line.slot, at, uPlot.pxRatio, colours, line.otherMode !== undefined);
    }
  }

  /** The lines with their name at the end; where others begin, their words stand already. */
  private named(): Line[] {
    return this.lines.filter(({ otherMode }) => otherMode === undefined);
  }

  private drawNames(plot: uPlot, colours: Colours): void {
    const ratio = uPlot.pxRatio;
    const ends = this.named()
      .map((line) => ({ line, last: lastFinite(line.y) }))
      .filter(({ last }) => last >= 0)
      .map(({ line, last }) => ({ line, x: plot.valToPos(line.x[last]!, "x", true), y: plot.valToPos(line.y[last]!, "y", true) }))
      .sort((one, other) => one.y - other.y);
    const room = LABEL_ROOM * ratio;
    const heights = apart(ends.map(({ y }) => y), room, plot.bbox.top + plot.bbox.height - room / 2);
    ends.forEach(({ line, x }, index) =>
      write(plot.ctx, shortened(line.name), x + 9 * ratio, heights[index]!, colours.series[line.slot]!, `600 ${11 * ratio}px ${colours.font}`));
  }

  /** The horizontal value under the mouse; null outside the plot. */
  private valueUnder(clientX: number): number | null {
    if (!this.plot) return null;
    const { left, width } = this.plot.over.getBoundingClientRect();
    return clientX >= left && clientX <= left + width ? this.plot.posToVal(clientX - left, "x") : null;
  }

  /** Put the cursor on a horizontal value. */
  moveCursor(x: number): void {
    this.plot?.setCursor({ left: this.plot.valToPos(x, "x"), top: 0 }, false);
  }

  /** Where a horizontal value stands, in CSS pixels from the left edge of the chart. */
  leftOf(x: number): number {
    return this.plot ? this.plot.valToPos(x, "x") + this.plot.bbox.left / uPlot.pxRatio : 0;
  }

  hideCursor(): void {
    this.plot?.setCursor({ left: -10, top: -10 }, false);
  }

  /** Out of the page there are no colours to read: such a chart is drawn anew when it comes back. */
  private recolour(): void {
    this.colours = null;
    this.drawn = null;
    this.stale = true;
    if (this.visible) this.draw();
  }

  private watchSize(): () => void {
    const observer = new ResizeObserver(() => {
      this.width = this.canvas.clientWidth;
      if (this.width && this.plot && this.plot.width !== this.width) this.resize(this.plot, this.width);
      else if (this.width && this.stale) this.draw();
    });
    observer.observe(this.canvas);
    return () => observer.disconnect();
  }

  /** Take a new width; the names at the line ends need another share of it. */
  private resize(plot: uPlot, width: number): void {
    this.drawn = this.picture();
    plot.setSize({ width, height: this.options.height });
    this.change(plot);
  }

  private watchSight(): () => void {
    const observer = new IntersectionObserver((entries) => {
      this.visible = entries.some((entry) => entry.isIntersecting);
      mark(this.element, "data-seen", this.visible);
      if (this.visible && this.stale) this.draw();
    });
    observer.observe(this.element);
    return () => observer.disconnect();
  }
}

/** Which of the plot's series a line is. */
function placeOf({ slot, otherMode }: Line): number {
  return (otherMode ?? 0) * SLOTS + slot;
}

function gapped(values: Float64Array): (number | null)[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? value : null));
}

function extent(columns: Float64Array[]): [number, number] {
  let [min, max] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const value of column) {
      if (!Number.isFinite(value)) continue;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return [min, max];
}

function shortened(name: string): string {
  return name.length > 22 ? `${name.slice(0, 21)}…` : name;
}

function write(context: CanvasRenderingContext2D, words: string, x: number, y: number, colour: string, font: string): void {
  context.font = font;
  context.fillStyle = colour;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(words, x, y);
}
