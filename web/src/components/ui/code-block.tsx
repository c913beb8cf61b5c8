import { cx } from "@/lib/cx";
import { CopyButton } from "./copy-button";

export function CodeBlock({
  code,
  label,
  wrap = false,
}: {
  code: string;
  /** Names the block for its copy button and for screen readers. */
  label: string;
  wrap?: boolean;
}) {
  return (
    <div className="relative rounded-md border border-border bg-sunken">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a wide block must scroll by keyboard */}
      <pre tabIndex={0} className="overflow-x-auto rounded-md p-4 pr-14">
        <code className={cx("text-sm", wrap ? "whitespace-pre-wrap [overflow-wrap:anywhere]" : "")}>
          {code}
        </code>
      </pre>
      <div className="absolute top-2 right-2 rounded-md bg-sunken">
        <CopyButton text={code} label={`Copy ${label}`} iconOnly variant="ghost" />
      </div>
    </div>
  );
}

export function InlineCode({ children }: { children: string }) {
  return (
    <code className="rounded-sm bg-hover px-1.5 py-0.5 text-[0.92em] [overflow-wrap:anywhere]">
      {children}
    </code>
  );
}
