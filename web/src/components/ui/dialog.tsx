import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/cx";
import { Button } from "./button";
import { useReturnFocus } from "./use-return-focus";

const BACKDROP =
  "fixed inset-0 z-40 bg-scrim transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0";

interface PanelProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
}

export function Dialog({
  size = "md",
  dismissible = true,
  ...props
}: PanelProps & {
  size?: "md" | "lg";
  /** False where closing by accident loses something, such as a secret shown once. */
  dismissible?: boolean;
}) {
  useReturnFocus(props.open);
  return (
    <Base.Root
      open={props.open}
      onOpenChange={(open, details) => {
        const accident = details.reason === "outside-press" || details.reason === "escape-key";
        if (!open && !dismissible && accident) return;
        props.onOpenChange(open);
      }}
    >
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          className={cx(
            "fixed top-1/2 left-1/2 z-50 flex max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col",
            "rounded-lg bg-raised shadow-pop outline-none transition-[scale,opacity] duration-150",
            "data-ending-style:scale-[0.98] data-ending-style:opacity-0 data-starting-style:scale-[0.98] data-starting-style:opacity-0",
            size === "lg" ? "max-w-[44rem]" : "max-w-[30rem]",
          )}
        >
          <PanelContent {...props} />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** A panel from the right edge: details of one row, with the list still in view. */
export function Drawer(props: PanelProps) {
  useReturnFocus(props.open);
  return (
    <Base.Root open={props.open} onOpenChange={props.onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          className={cx(
            "fixed inset-y-0 right-0 z-50 flex w-full max-w-[34rem] flex-col bg-raised shadow-pop outline-none",
            "transition-[translate,opacity] duration-200 ease-out",
            "data-ending-style:translate-x-8 data-ending-style:opacity-0 data-starting-style:translate-x-8 data-starting-style:opacity-0",
          )}
        >
          <PanelContent {...props} />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function PanelContent({ title, description, children, footer }: PanelProps) {
  return (
    <>
      <header className="flex items-start justify-between gap-4 border-border border-b px-5 py-4">
        <div className="min-w-0">
          <Base.Title className="font-semibold text-lg [overflow-wrap:anywhere]">
            {title}
          </Base.Title>
          {description ? (
            <Base.Description className="mt-0.5 text-muted text-sm [overflow-wrap:anywhere]">
              {description}
            </Base.Description>
          ) : null}
        </div>
        <Base.Close
          render={<Button variant="ghost" size="icon" aria-label="Close" className="-mr-2" />}
        >
          <X className="size-4" aria-hidden />
        </Base.Close>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto px-5 py-5">{children}</div>
      {footer ? (
        <footer className="flex flex-wrap items-center justify-end gap-2 border-border border-t px-5 py-4">
          {footer}
        </footer>
      ) : null}
    </>
  );
}
