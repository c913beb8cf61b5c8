import { RotateCw } from "lucide-react";
import { errorText } from "@/lib/api/errors";
import { Alert } from "./alert";
import { Button } from "./button";

/** A part of a page that failed to load: why, and a way to try again. */
export function LoadError({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <Alert
      tone="danger"
      title="This could not be loaded"
      action={
        onRetry ? (
          <Button size="sm" onClick={onRetry} icon={<RotateCw className="size-4" aria-hidden />}>
            Try again
          </Button>
        ) : undefined
      }
    >
      {errorText(error)}
    </Alert>
  );
}
