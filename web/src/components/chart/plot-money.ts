/** Labels for heights of a money chart. Exact amounts are in the tables; these are for the eye. */
const cents = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const fine = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  maximumFractionDigits: 6,
});
const axis = new Intl.NumberFormat("en-US", {
  style: "currency",
  currency: "USD",
  notation: "compact",
  minimumFractionDigits: 0,
  maximumSignificantDigits: 2,
});

export function plotMoney(value: number): string {
  return (value !== 0 && Math.abs(value) < 1 ? fine : cents).format(value);
}

export function plotMoneyAxis(value: number): string {
  return axis.format(value);
}
