import { cx } from "@/lib/cx";
import { formatTime, formatUTC, type TimeStyle } from "@/lib/format/time";

/** A moment in the reader's time zone; hovering gives it in UTC. */
export function Time({
  value,
  style = "time",
  className,
}: {
  value: string;
  style?: TimeStyle;
  className?: string;
}) {
  return (
    <time
      dateTime={value}
      title={formatUTC(value)}
      className={cx("whitespace-nowrap tabular-nums", className)}
    >
      {formatTime(value, style)}
    </time>
  );
}
