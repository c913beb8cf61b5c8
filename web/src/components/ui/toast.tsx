import { Toast as Base } from "@base-ui/react/toast";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { type ReactNode, useCallback } from "react";
import { Button } from "./button";

export function ToastProvider({ children }: { children: ReactNode }) {
  return (
    <Base.Provider timeout={5000} limit={3}>
      {children}
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-60 flex w-[calc(100vw-2rem)] flex-col gap-2 sm:w-96">
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}

/** Says briefly that something happened elsewhere on the page. Errors of a form stay in the form. */
export function useToast(): (title: string, tone?: "success" | "danger") => void {
  const { add } = Base.useToastManager();
  return useCallback(
    (title, tone = "success") => {
      add({ title, type: tone, priority: tone === "danger" ? "high" : "low" });
    },
    [add],
  );
}

function ToastList() {
  const { toasts } = Base.useToastManager();
  return toasts.map((toast) => (
    <Base.Root
      key={toast.id}
      toast={toast}
      className="rounded-md bg-raised shadow-pop transition-[translate,opacity] duration-200 data-ending-style:opacity-0 data-starting-style:translate-y-2 data-starting-style:opacity-0 data-limited:hidden"
    >
      <Base.Content className="flex items-center gap-3 py-2 pr-2 pl-4">
        {toast.type === "danger" ? (
          <CircleAlert className="size-4 shrink-0 text-danger" aria-hidden />
        ) : (
          <CircleCheck className="size-4 shrink-0 text-success" aria-hidden />
        )}
        <Base.Title className="min-w-0 flex-1 font-medium text-sm" />
        <Base.Close render={<Button variant="ghost" size="icon" aria-label="Dismiss" />}>
          <X className="size-4" aria-hidden />
        </Base.Close>
      </Base.Content>
    </Base.Root>
  ));
}
