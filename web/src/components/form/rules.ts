import { z } from "zod";
import { parseMoney } from "@/lib/format/money";

/** Form rules that several features share. They mirror the API's; the API decides. */
export const required = (what: string) => z.string().trim().min(1, `${what} is needed`);

export const money = z
  .string()
  .trim()
  .refine((text) => parseMoney(text) !== undefined, "An amount in USD, such as 25 or 0.15");

export const positiveMoney = money.refine(
  (text) => (parseMoney(text) ?? 0n) > 0n,
  "More than zero",
);

/** Empty means "no limit". */
export const optionalMoney = z
  .string()
  .trim()
  .refine((text) => text === "" || (parseMoney(text) ?? -1n) >= 0n, "An amount in USD, or empty");

export const optionalCount = z
  .string()
  .trim()
  .refine((text) => text === "" || /^[1-9]\d{0,11}$/.test(text), "A whole number, or empty");

export function countOrUndefined(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}

export function textOrUndefined(text: string): string | undefined {
  return text.trim() === "" ? undefined : text.trim();
}

/** Share of traffic among peers. */
export const weight = z
  .string()
  .trim()
  .refine((text) => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1000, "1 to 1000");

/** Public model and alias names. */
export const modelName = z
  .string()
  .trim()
  .max(200)
  .regex(/^[a-z0-9][a-z0-9._:/-]*$/, "Small letters, digits and . _ : / -");
