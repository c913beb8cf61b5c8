import { useEffect, useState } from "react";

/**
 * Gives the focus back to where it was when something opened over the page. The library does so for what closes by
 * itself; here the owner of a dialog often takes it away at once, and the focus would fall to the top of the page.
 */
export function useReturnFocus(open: boolean): void {
  const [wasOpen, setWasOpen] = useState(false);
  const [origin, setOrigin] = useState<HTMLElement>();
  if (open !== wasOpen) {
    // Read while rendering: by the first effect a field of the dialog may have taken the focus.
    setWasOpen(open);
    if (open) setOrigin(originOfFocus());
  }

  useEffect(() => {
    if (!open) return;
    return () => {
      requestAnimationFrame(() => {
        const { activeElement, body } = document;
        if ((!activeElement || activeElement === body) && origin?.isConnected) origin.focus();
      });
    };
  }, [open, origin]);
}

/** The focused element; for an entry of a menu, which goes away, the button of the menu. */
function originOfFocus(): HTMLElement | undefined {
  const active = document.activeElement;
  const label = active?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  const origin = label ? document.getElementById(label) : active;
  return origin instanceof HTMLElement && origin !== document.body ? origin : undefined;
}
