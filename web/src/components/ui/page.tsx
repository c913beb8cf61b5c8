import { type ReactNode, useEffect } from "react";

/** The frame of every page: one heading, one line of purpose, the page's main actions. */
export function Page({
  title,
  name,
  description,
  actions,
  eyebrow,
  children,
}: {
  title: ReactNode;
  /** What the browser's tab says; needed where the title is more than text. */
  name?: string | undefined;
  description?: ReactNode;
  actions?: ReactNode;
  eyebrow?: ReactNode;
  children: ReactNode;
}) {
  const tab = name ?? (typeof title === "string" ? title : undefined);
  useEffect(() => {
    document.title = tab ? `${tab} · Starlane` : "Starlane";
  }, [tab]);
  return (
    <div className="mx-auto flex w-full max-w-[76rem] flex-col gap-6 px-4 py-6 sm:px-8 sm:py-8">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-4">
        <div className="min-w-0">
          {eyebrow ? <div className="mb-1 text-muted text-sm">{eyebrow}</div> : null}
          <h1 className="font-semibold text-xl">{title}</h1>
          {description ? (
            <p className="mt-1 max-w-[46rem] text-muted text-sm">{description}</p>
          ) : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
