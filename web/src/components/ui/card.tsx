import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

export function Card({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <section
      className={cx("min-w-0 rounded-lg border border-border bg-surface shadow-card", className)}
    >
      {children}
    </section>
  );
}

export function CardHeader({
  title,
  description,
  actions,
}: {
  title: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-3 px-4 pt-4 pb-3 sm:px-5">
      <div className="min-w-0">
        <h2 className="font-semibold text-lg">{title}</h2>
        {description ? <p className="mt-0.5 text-muted text-sm">{description}</p> : null}
      </div>
      {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
    </header>
  );
}

export function CardBody({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={cx("px-4 pb-5 sm:px-5", className)}>{children}</div>;
}
