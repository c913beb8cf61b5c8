import { cx } from "@/lib/cx";
import { formatMoney, type MoneyPrecision, moneyParts } from "@/lib/format/money";

/**
 * An amount of money. Digits are tabular, so that a right-aligned column lines up; zeros that only
 * pad are dimmed; the title gives the amount to the nano-dollar.
 */
export function Money({
  value,
  precision = "cents",
  signed = false,
  className,
}: {
  value: string;
  precision?: MoneyPrecision;
  signed?: boolean;
  className?: string;
}) {
  const parts = moneyParts(value, precision, signed);
  if (!parts) return <span className={className}>{value}</span>;
  const tone = signed && parts.sign === "+" ? "text-success" : undefined;
  return (
    <span
      className={cx("whitespace-nowrap tabular-nums", tone, className)}
      title={precision === "exact" ? undefined : formatMoney(value, "short", signed)}
    >
      {parts.below ? "<" : ""}
      {parts.sign === "-" ? "−" : parts.sign}${parts.whole}.{parts.fraction}
      {parts.padding ? <span className="text-faint">{parts.padding}</span> : null}
    </span>
  );
}
