import type { ReactNode } from "react";

/** What a list shows when it has nothing: why, and the next thing to do. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-4 px-5 py-12 text-center">
      {icon ? (
        <div className="flex size-10 items-center justify-center rounded-md bg-accent-soft text-accent-text [&_svg]:size-5">
          {icon}
        </div>
      ) : null}
      <div>
        <p className="font-semibold text-base">{title}</p>
        {children ? (
          <div className="mx-auto mt-1 max-w-[28rem] text-muted text-sm">{children}</div>
        ) : null}
      </div>
      {action}
    </div>
  );
}
