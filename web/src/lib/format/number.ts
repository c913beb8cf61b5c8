const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1 });

export function formatCount(value: number): string {
  return whole.format(value);
}

/** 1.2K, 3.4M: for cards and axes, where the exact figure is one hover away. */
export function formatCompact(value: number): string {
  return value < 10_000 ? whole.format(value) : compact.format(value);
}

/** A share between 0 and 1. */
export function formatShare(share: number): string {
  return percent.format(share);
}

export function formatMillis(ms: number): string {
  if (ms < 1000) return `${whole.format(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
