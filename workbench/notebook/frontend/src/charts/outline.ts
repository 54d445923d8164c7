// A line of many points as its outline: what a screen of so many pixels can show of it.

/**
 * Of each of `buckets` stretches of points keep the first, lowest, highest and last, in their
 * order; a stretch without a finite value leaves one gap.  Few points are left as they are.
 */
export function outline(x: Float64Array, y: Float64Array, buckets: number): [Float64Array, Float64Array] {
  if (buckets < 1 || y.length <= 4 * buckets) return [x, y];
  const kept: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const [from, end] = [edge(bucket, y.length, buckets), edge(bucket + 1, y.length, buckets)];
    kept.push(...extremes(y, from, end));
  }
  return [Float64Array.from(kept, (at) => x[at]!), Float64Array.from(kept, (at) => y[at]!)];
}

function edge(bucket: number, length: number, buckets: number): number {
  return Math.floor((bucket * length) / buckets);
}

function extremes(y: Float64Array, from: number, end: number): number[] {
  let [first, low, high, last] = [-1, -1, -1, -1];
  for (let at = from; at < end; at += 1) {
    if (!Number.isFinite(y[at]!)) continue;
    if (first < 0) first = at;
    if (low < 0 || y[at]! < y[low]!) low = at;
    if (high < 0 || y[at]! > y[high]!) high = at;
    last = at;
  }
  return first < 0 ? [from] : [...new Set([first, low, high, last])].sort((one, other) => one - other);
}
