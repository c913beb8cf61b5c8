import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, type ButtonSize, type ButtonVariant } from "./button";

/** Copies the text and says so, to the eye and to a screen reader. */
export function CopyButton({
  text,
  label,
  iconOnly = false,
  variant = "secondary",
  size = "sm",
}: {
  text: string;
  label: string;
  iconOnly?: boolean;
  variant?: ButtonVariant;
  size?: ButtonSize;
}) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");

  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 2000);
    return () => clearTimeout(timer);
  }, [state]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      // Without clipboard permission the text is still on screen to be selected by hand.
      setState("failed");
    }
  };

  const said =
    state === "copied" ? "Copied" : state === "failed" ? "Select and copy by hand" : label;
  return (
    <Button
      variant={variant}
      size={iconOnly ? "icon" : size}
      onClick={copy}
      aria-label={iconOnly ? said : undefined}
      title={iconOnly ? label : undefined}
      icon={
        state === "copied" ? (
          <Check className="size-4 text-success" aria-hidden />
        ) : (
          <Copy className="size-4" aria-hidden />
        )
      }
    >
      {iconOnly ? null : <span aria-live="polite">{said}</span>}
    </Button>
  );
}
