// Whether a chart would look different: a line of a thousand points does not, for one point more.

/** Where the axes and the lines of a chart end; `shape` is all else that shows. */
export interface Picture {
  shape: string;
  x: [number, number];
  y: [number, number];
  ends: { x: number; y: number }[];
}

/** So many pixels apart nobody sees a difference. */
const UNSEEN = 0.5;

/** Whether one picture can stand for another on a chart of so many pixels. */
export function alike(one: Picture, other: Picture, width: number, height: number): boolean {
  const across = near(other.x, width);
  const upright = near(other.y, height);
  return (
    one.shape === other.shape &&
    one.x.every((end, at) => across(end, other.x[at]!)) &&
    one.y.every((end, at) => upright(end, other.y[at]!)) &&
    one.ends.every(({ x, y }, line) => across(x, other.ends[line]!.x) && upright(y, other.ends[line]!.y))
  );
}

function near([low, high]: [number, number], pixels: number): (one: number, other: number) => boolean {
  return (one, other) => Object.is(one, other) || Math.abs(one - other) * pixels < UNSEEN * (high - low);
}
