// Numbers as the page writes them: U+2212 for minus, thousands commas, powers of ten in superscripts.

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SMALL = 1e-4;
const LARGE = 1e7;
/** From here on not even a log-likelihood is written out. */
const RUNAWAY = 1e15;

/** 10⁻⁸ for -8. */
export function power(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number with fixed decimals: −436,722.12.  What is not finite is blank. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  if (Math.abs(value) >= RUNAWAY) return scientific(value);
  const [whole = "", rest] = Math.abs(value).toFixed(decimals).split(".");
  const body = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? `.${rest}` : "");
  return value < 0 && /[1-9]/.test(body) ? `−${body}` : body;
}

/** A whole number: 118,800. */
export function count(value: number | null | undefined): string {
  return fixed(value, 0);
}

/** A number of any size in `digits` significant digits: 0.0123, 5.7 × 10⁻⁶, 126.6. */
export function figure(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < SMALL || size >= LARGE) return scientific(value);
  return fixed(value, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
}

/** Two digits and a power of ten: 4.5 × 10⁻¹². */
export function scientific(value: number): string {
  const [mantissa = "", exponent = "0"] = value.toExponential(1).split("e");
  return `${mantissa.replace("-", "−")} × ${power(Number(exponent))}`;
}

/** A duration: 0.02 s, 12.3 s, 1:05, 1:02:05. */
export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  if (value > 0 && value < 0.005) return "< 0.01 s";
  if (value < 10) return `${value.toFixed(value < 1 ? 2 : 1)} s`;
  return value < 60 ? `${value.toFixed(1)} s` : clock(value);
}

/** A running clock: 0:02.2 below a minute, then 1:05 and 1:02:05. */
export function clock(value: number): string {
  const whole = Math.floor(value);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part: number): string => String(part).padStart(2, "0");
  if (value < 60) return `0:${(Math.floor(value * 10) / 10).toFixed(1).padStart(4, "0")}`;
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** The time of day at which something happened, from seconds since 1970. */
export function timeOfDay(epoch: number): string {
  const at = new Date(epoch * 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** "1 run", "2 runs". */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
