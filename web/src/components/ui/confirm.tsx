import { AlertDialog as Base } from "@base-ui/react/alert-dialog";
import { type ReactNode, useState } from "react";
import { errorText } from "@/lib/api/errors";
import { Alert } from "./alert";
import { Button } from "./button";
import { useReturnFocus } from "./use-return-focus";

/** Asks before an act that matters. The title names the thing that will be gone. */
export function Confirm({
  open,
  onOpenChange,
  title,
  children,
  confirmLabel,
  tone = "danger",
  onConfirm,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  children?: ReactNode;
  confirmLabel: string;
  tone?: "danger" | "primary";
  onConfirm: () => Promise<unknown>;
}) {
  useReturnFocus(open);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();

  const run = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (error) {
      setFailure(errorText(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-scrim transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup className="fixed top-1/2 left-1/2 z-50 w-[calc(100vw-2rem)] max-w-[28rem] -translate-x-1/2 -translate-y-1/2 rounded-lg bg-raised p-5 shadow-pop outline-none transition-[scale,opacity] duration-150 data-ending-style:scale-[0.98] data-ending-style:opacity-0 data-starting-style:scale-[0.98] data-starting-style:opacity-0">
          <Base.Title className="font-semibold text-lg [overflow-wrap:anywhere]">
            {title}
          </Base.Title>
          <Base.Description render={<div />} className="mt-2 text-muted text-sm">
            {children}
          </Base.Description>
          {failure ? (
            <Alert tone="danger" className="mt-4">
              {failure}
            </Alert>
          ) : null}
          <div className="mt-6 flex justify-end gap-2">
            <Base.Close render={<Button variant="ghost" />}>Cancel</Base.Close>
            <Button variant={tone} busy={busy} onClick={run}>
              {confirmLabel}
            </Button>
          </div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
