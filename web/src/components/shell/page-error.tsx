import type { ErrorComponentProps } from "@tanstack/react-router";
import { Button } from "@/components/ui/button";
import { errorText } from "@/lib/api/errors";

/** A page that could not be shown at all; the navigation around it stays. */
export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-4 px-4 py-24 text-center">
      <h1 className="font-semibold text-xl">This page could not be shown</h1>
      <p className="max-w-[32rem] text-base text-muted">{errorText(error)}</p>
      <div className="flex gap-2">
        <Button variant="primary" onClick={reset}>
          Try again
        </Button>
        <Button onClick={() => window.location.reload()}>Reload the console</Button>
      </div>
    </div>
  );
}
