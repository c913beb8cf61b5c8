/** The classes by which a model may be paid, the foremost of each side first. */
const SIDES = {
  in: ["in_text", "in_audio", "in_image", "char_in", "audio_second", "search_query", "request"],
  out: ["out_text", "out_audio", "out_image", "image_gen"],
} as const;

export type Side = keyof typeof SIDES;

/** What a short price list says of one side: text where it is sold, else what is paid instead. */
export function mainRate(
  rates: Record<string, string>,
  side: Side,
): { name: string; value: string; text: boolean } | undefined {
  for (const [n, name] of SIDES[side].entries()) {
    const value = rates[name];
    if (value !== undefined) return { name, value, text: n === 0 };
  }
  return undefined;
}
