import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

export interface Definition {
  term: string;
  value: ReactNode;
  /** Figures stand right-aligned under each other. */
  numeric?: boolean;
}

/** Name and value pairs of one thing, as in a drawer. */
export function Definitions({ items }: { items: Definition[] }) {
  return (
    <dl className="divide-y divide-border">
      {items.map((item) => (
        <div key={item.term} className="flex items-baseline justify-between gap-6 py-2 text-sm">
          <dt className="shrink-0 text-muted">{item.term}</dt>
          <dd
            className={cx(
              "min-w-0 text-right [overflow-wrap:anywhere]",
              item.numeric ? "tabular-nums" : "",
            )}
          >
            {item.value}
          </dd>
        </div>
      ))}
    </dl>
  );
}
