export function BrandMark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="oklch(24% 0.07 280)" />
      <g stroke="oklch(70% 0.16 280)" strokeWidth="2.5" strokeLinecap="round">
        <path d="M7 25 25 7" />
        <path d="M7 17 17 7" opacity=".55" />
        <path d="M15 25 25 15" opacity=".55" />
      </g>
      <circle cx="21" cy="11" r="3.5" fill="white" />
    </svg>
  );
}

export function Brand() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <BrandMark />
      <span className="font-semibold text-lg tracking-tight">Starlane</span>
    </span>
  );
}
