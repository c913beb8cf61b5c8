import { z } from "zod";
import { countOrUndefined, optionalCount, optionalMoney, required } from "@/components/form/rules";
import type { Schema } from "@/lib/api/client";
import { isZeroMoney } from "@/lib/format/money";

/** What a person fills in for a key; empty limits mean "none". */
export const keySchema = z.object({
  name: required("A name").max(120),
  project_id: z.string(),
  allowed_models: z.array(z.string()),
  budget: optionalMoney,
  budget_window: z.enum(["day", "week", "month", "total"]),
  rpm: optionalCount,
  tpm: optionalCount,
  concurrency: optionalCount,
  expires: z.enum(["never", "7", "30", "90", "365", "keep"]),
});

export type KeyValues = z.infer<typeof keySchema>;

export const NEW_KEY: KeyValues = {
  name: "",
  project_id: "",
  allowed_models: [],
  budget: "",
  budget_window: "month",
  rpm: "",
  tpm: "",
  concurrency: "",
  expires: "never",
};

export function valuesOf(key: Schema<"Key">): KeyValues {
  return {
    name: key.name,
    project_id: key.project_id,
    allowed_models: key.allowed_models,
    budget: key.budget?.amount ?? "",
    budget_window: key.budget?.window ?? "month",
    rpm: key.rpm?.toString() ?? "",
    tpm: key.tpm?.toString() ?? "",
    concurrency: key.concurrency?.toString() ?? "",
    expires: key.expires_at ? "keep" : "never",
  };
}

function expiry(days: KeyValues["expires"], now: Date): string | null {
  const count = Number(days);
  return Number.isInteger(count)
    ? new Date(now.getTime() + count * 86_400_000).toISOString()
    : null;
}

function limits(values: KeyValues) {
  const budget = values.budget.trim();
  return {
    rpm: countOrUndefined(values.rpm) ?? null,
    tpm: countOrUndefined(values.tpm) ?? null,
    concurrency: countOrUndefined(values.concurrency) ?? null,
    budget:
      budget === "" || isZeroMoney(budget)
        ? null
        : { amount: budget, window: values.budget_window },
  };
}

export function toCreate(values: KeyValues, now = new Date()): Schema<"KeyCreate"> {
  return {
    name: values.name.trim(),
    allowed_models: values.allowed_models,
    expires_at: expiry(values.expires, now),
    ...limits(values),
    ...(values.project_id ? { project_id: values.project_id } : {}),
  };
}

export function toPatch(values: KeyValues, now = new Date()): Schema<"KeyPatch"> {
  return {
    name: values.name.trim(),
    allowed_models: values.allowed_models,
    ...limits(values),
    // "keep" leaves the moment as it is: a field left out does not change.
    ...(values.expires === "keep" ? {} : { expires_at: expiry(values.expires, now) }),
  };
}
