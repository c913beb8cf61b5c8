/**
 * Money is a decimal string in USD with up to nine places (nano-dollars). It is parsed to a BigInt
 * of nano-dollars and never passes through a floating-point number.
 */
const NANO_PER_USD = 1_000_000_000n;
const DECIMAL = /^(-)?(\d+)(?:\.(\d{1,9}))?$/;

/** Parses a decimal USD string to nano-dollars; undefined when it is not one. */
export function parseMoney(value: string): bigint | undefined {
  const match = DECIMAL.exec(value.trim());
  if (!match) return undefined;
  const [, sign, whole = "0", fraction = ""] = match;
  const nano = BigInt(whole) * NANO_PER_USD + BigInt(fraction.padEnd(9, "0"));
  return sign ? -nano : nano;
}

/** The API's form of an amount: no trailing zeros, no exponent. */
export function moneyToString(nano: bigint): string {
  const negative = nano < 0n;
  const abs = negative ? -nano : nano;
  const fraction = (abs % NANO_PER_USD).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = (abs / NANO_PER_USD).toString();
  return `${negative ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

export function sumMoney(values: Iterable<string>): string {
  let total = 0n;
  for (const value of values) total += parseMoney(value) ?? 0n;
  return moneyToString(total);
}

export function negateMoney(value: string): string {
  return moneyToString(-(parseMoney(value) ?? 0n));
}

export function compareMoney(a: string, b: string): number {
  const left = parseMoney(a) ?? 0n;
  const right = parseMoney(b) ?? 0n;
  return left < right ? -1 : left > right ? 1 : 0;
}

export function isZeroMoney(value: string): boolean {
  return (parseMoney(value) ?? 0n) === 0n;
}

export function isNegativeMoney(value: string): boolean {
  return (parseMoney(value) ?? 0n) < 0n;
}

/**
 * - `cents`: two places, the rest rounded half away from zero; a real amount below half a cent shows
 *   as "<$0.01" and never as nothing. For totals.
 * - `micro`: exactly six places, so that a column of costs lines up.
 * - `exact`: all nine places, for figures that must add up on screen.
 * - `short`: at least two places and as many more as the amount has. For unit prices.
 */
export type MoneyPrecision = "cents" | "micro" | "exact" | "short";

export interface MoneyParts {
  sign: "" | "-" | "+";
  whole: string;
  /** Places that carry information. */
  fraction: string;
  /** Zeros that are there only to keep the column aligned. */
  padding: string;
  /** The amount is smaller than the smallest figure shown. */
  below: boolean;
}

const PLACES: Record<Exclude<MoneyPrecision, "short">, number> = { cents: 2, micro: 6, exact: 9 };

export function moneyParts(
  value: string,
  precision: MoneyPrecision = "cents",
  signed = false,
): MoneyParts | undefined {
  const nano = parseMoney(value);
  if (nano === undefined) return undefined;
  const abs = nano < 0n ? -nano : nano;
  const places = precision === "short" ? shortPlaces(abs) : PLACES[precision];
  const unit = 10n ** BigInt(9 - places);
  const rounded = (abs + unit / 2n) / unit;
  const below = rounded === 0n && abs > 0n;
  const shown = below ? 1n : rounded;
  const scale = 10n ** BigInt(places);
  const digits = (shown % scale).toString().padStart(places, "0");
  const kept = Math.max(2, digits.replace(/0+$/, "").length);
  const sign = nano < 0n ? "-" : signed && nano > 0n ? "+" : "";
  return {
    sign,
    whole: groupThousands((shown / scale).toString()),
    fraction: digits.slice(0, kept),
    padding: digits.slice(kept),
    below,
  };
}

export function formatMoney(
  value: string,
  precision: MoneyPrecision = "cents",
  signed = false,
): string {
  const parts = moneyParts(value, precision, signed);
  if (!parts) return value;
  const sign = parts.sign === "-" ? "−" : parts.sign;
  return `${parts.below ? "<" : ""}${sign}$${parts.whole}.${parts.fraction}${parts.padding}`;
}

/** For the length of a bar or the height of a point only; never for a figure that is read. */
export function moneyToPlot(value: string): number {
  return Number(parseMoney(value) ?? 0n) / Number(NANO_PER_USD);
}

/** What share of `whole` the part is, 0 to 1, for a bar. */
export function moneyShare(part: string, whole: string): number {
  const total = parseMoney(whole) ?? 0n;
  if (total <= 0n) return 0;
  const bps = ((parseMoney(part) ?? 0n) * 10_000n) / total;
  return Math.min(1, Math.max(0, Number(bps) / 10_000));
}

function shortPlaces(abs: bigint): number {
  const digits = (abs % NANO_PER_USD).toString().padStart(9, "0").replace(/0+$/, "");
  return Math.max(2, digits.length);
}

function groupThousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
