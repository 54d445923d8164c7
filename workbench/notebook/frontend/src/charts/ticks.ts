// Where the ticks of an axis stand, and what they say.
import { figure, fixed, power, scientific } from "../format";

const MARGIN = 0.07;
const WHOLE_STEPS = [1, 2, 3, 5, 10, 20, 25, 50, 100, 150, 200];

/** Whole numbers between two ends, at most `most` of them, from the ends' own decade up. */
export function wholeTicks(min: number, max: number, most: number): number[] {
  const step = wholeStep(max - min, most);
  const ticks: number[] = [];
  for (let at = Math.ceil(min / step - 1e-9) * step + 0; at <= max + 1e-9; at += step) ticks.push(at);
  return ticks;
}

function wholeStep(span: number, most: number): number {
  for (let scale = 1; ; scale *= 100) {
    const step = WHOLE_STEPS.find((candidate) => span / (candidate * scale) <= Math.max(1, most));
    if (step !== undefined) return step * scale;
  }
}

/** Exponents between two ends: whole decades, with twos and fives where there are few decades. */
export function decadeTicks(min: number, max: number, most: number): number[] {
  const decades = wholeTicks(min, max, most);
  if (decades.length > 1) return decades;
  const between = [1, 2, 5].flatMap((part) => [-1, 0, 1].map((shift) => Math.floor(min) + 1 + shift + Math.log10(part)));
  return between.filter((exponent) => exponent >= min && exponent <= max).sort((one, other) => one - other);
}

/** The label of one decade: 10⁻⁸, 1, 10, 10². */
export function decadeLabel(exponent: number): string {
  return exponent === 0 ? "1" : exponent === 1 ? "10" : power(exponent);
}

/** The labels of exponents on a log axis: decades, or 0.05, 0.1, 0.2 where there are few of them. */
export function decadeLabels(exponents: number[]): string[] {
  const whole = exponents.every(Number.isInteger);
  return exponents.map((exponent) => (whole ? decadeLabel(exponent) : figure(10 ** exponent, 1)));
}

/** Round, evenly spaced values between two ends, about `most` of them. */
export function evenTicks(min: number, max: number, most: number): number[] {
  const rough = (max - min) / Math.max(1, most);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * decade).find((part) => part >= rough) ?? rough;
  const ticks: number[] = [];
  for (let index = Math.ceil(min / step - 1e-9); index * step <= max + 1e-9 * step; index += 1) ticks.push(index * step);
  return ticks;
}

/** Labels of evenly spaced values, with as many decimals as tell them apart. */
export function evenLabels(values: number[], step: number): string[] {
  const largest = Math.max(...values.map(Math.abs), 0);
  if (largest >= 1e6 || (largest > 0 && largest < 1e-3)) return values.map((value) => (value ? scientific(value) : "0"));
  return values.map((value) => fixed(value, decimals(step)));
}

function decimals(step: number): number {
  for (let places = 0; places < 12; places += 1) {
    const scaled = step * 10 ** places;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return places;
  }
  return 12;
}

/** The ends of a scale around the data, with a margin, and never closer than `least`. */
export function around(min: number, max: number, least = 0): [number, number] {
  if (!(max >= min)) return [0, 1];
  const span = max - min;
  const room = Math.max(span * MARGIN || Math.abs(max) / 20 || 0.5, (least - span) / 2);
  return [min - room, max + room];
}

/** Move rising heights down until they are `room` pixels apart, then up until none is below `bottom`. */
export function apart(heights: number[], room: number, bottom: number): number[] {
  const placed = [...heights];
  for (let at = 1; at < placed.length; at += 1) placed[at] = Math.max(placed[at]!, placed[at - 1]! + room);
  for (let at = placed.length - 1, limit = bottom; at >= 0; at -= 1) {
    placed[at] = Math.min(placed[at]!, limit);
    limit = placed[at]! - room;
  }
  return placed;
}
