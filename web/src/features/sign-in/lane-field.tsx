/** The picture beside the sign-in form: lanes of light running to one point. Decoration only. */
const LANES = Array.from({ length: 13 }, (_, lane) => ({
  from: -260 + lane * 120,
  weight: 1 + ((lane * 7) % 5) * 0.45,
  glow: 0.22 + ((lane * 5) % 7) * 0.09,
  star: 0.16 + ((lane * 11) % 13) / 17,
}));

const FOCUS = { x: 620, y: 150 };

export function LaneField() {
  return (
    <div
      aria-hidden="true"
      className="relative hidden overflow-hidden bg-[linear-gradient(155deg,oklch(20%_0.06_280),oklch(13%_0.03_272)_62%)] lg:block"
    >
      <svg
        className="absolute inset-0 size-full"
        viewBox="0 0 900 900"
        preserveAspectRatio="xMidYMid slice"
        role="presentation"
      >
        <defs>
          <linearGradient id="lane" x1="0" y1="1" x2="0" y2="0">
            <stop offset="0" stopColor="oklch(70% 0.17 280)" stopOpacity="0" />
            <stop offset=".7" stopColor="oklch(72% 0.17 280)" stopOpacity=".8" />
            <stop offset="1" stopColor="oklch(92% 0.06 280)" />
          </linearGradient>
          <radialGradient id="core">
            <stop offset="0" stopColor="white" stopOpacity=".95" />
            <stop offset=".06" stopColor="oklch(88% 0.08 280)" stopOpacity=".6" />
            <stop offset=".22" stopColor="oklch(72% 0.16 280)" stopOpacity=".24" />
            <stop offset=".55" stopColor="oklch(62% 0.2 280)" stopOpacity=".07" />
            <stop offset="1" stopColor="oklch(60% 0.2 280)" stopOpacity="0" />
          </radialGradient>
        </defs>
        {LANES.map((lane) => (
          <path
            key={lane.from}
            d={`M${lane.from} 940 Q${(lane.from + FOCUS.x) / 2 + 60} 470 ${FOCUS.x} ${FOCUS.y}`}
            fill="none"
            stroke="url(#lane)"
            strokeWidth={lane.weight}
            opacity={lane.glow}
          />
        ))}
        {LANES.map((lane) => (
          <circle
            key={lane.from}
            cx={quadratic(lane.from, (lane.from + FOCUS.x) / 2 + 60, FOCUS.x, lane.star)}
            cy={quadratic(940, 470, FOCUS.y, lane.star)}
            r={1.5 + lane.weight * 0.7}
            fill="oklch(94% 0.05 280)"
            opacity={0.5 + lane.glow * 0.5}
          />
        ))}
        <circle cx={FOCUS.x} cy={FOCUS.y} r="420" fill="url(#core)" />
      </svg>
    </div>
  );
}

function quadratic(a: number, b: number, c: number, t: number): number {
  return (1 - t) ** 2 * a + 2 * (1 - t) * t * b + t ** 2 * c;
}
