import { cx } from "@/lib/cx";

/** How much of a limit is used; turns to warning at 80 % and to danger when it is spent. */
export function Meter({ share, label }: { share: number; label: string }) {
  const width = Math.round(Math.min(1, Math.max(0, share)) * 100);
  const tone = share >= 1 ? "bg-danger" : share >= 0.8 ? "bg-warning" : "bg-accent";
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={width}
      className="h-1.5 w-full overflow-hidden rounded-full bg-hover"
    >
      <div className={cx("h-full rounded-full", tone)} style={{ width: `${width}%` }} />
    </div>
  );
}
