import type { ReactNode } from "react";
import { Skeleton } from "./skeleton";

/** One figure of a page: what it is, how much, and a line of context. */
export function Stat({
  label,
  value,
  note,
  action,
}: {
  label: string;
  /** Undefined while it loads. */
  value: ReactNode | undefined;
  note?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex min-w-0 flex-col gap-1 bg-surface px-4 py-3 sm:px-5 sm:py-4">
      <div className="flex min-h-8 items-center justify-between gap-2">
        <p className="font-medium text-muted text-sm">{label}</p>
        {action}
      </div>
      <div className="truncate font-semibold text-xl tabular-nums sm:text-2xl">
        {value === undefined ? <Skeleton className="my-1 h-7 w-28" /> : value}
      </div>
      <div className="min-h-5 text-muted text-sm">{note}</div>
    </div>
  );
}

/** Stats side by side, parted by hairlines. */
export function StatRow({ children }: { children: ReactNode }) {
  return (
    <div className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-border bg-border shadow-card xl:grid-cols-4">
      {children}
    </div>
  );
}
