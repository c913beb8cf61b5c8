import { zodResolver } from "@hookform/resolvers/zod";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { Button } from "@/components/ui/button";
import { api } from "@/lib/api/client";
import { parseMoney } from "@/lib/format/money";

const MIN = 5_000_000_000n;
const MAX = 10_000_000_000_000n;

export const topupSchema = z.object({
  amount: z
    .string()
    .trim()
    .regex(/^\d{1,5}(\.\d{1,2})?$/, "Dollars and cents, such as 25 or 12.50")
    .refine((text) => {
      const nano = parseMoney(text) ?? 0n;
      return nano >= MIN && nano <= MAX;
    }, "Between $5 and $10,000"),
});

type Values = z.infer<typeof topupSchema>;

const PRESETS = ["10", "25", "50", "100", "250"];

/** Asks how much, then leaves for the payment page. */
export function TopupDialog({
  open,
  onOpenChange,
  onLeave = (url) => window.location.assign(url),
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onLeave?: (url: string) => void;
}) {
  const form = useForm<Values>({
    resolver: zodResolver(topupSchema),
    defaultValues: { amount: "25" },
  });
  const amount = useWatch({ control: form.control, name: "amount" });

  const start = async (values: Values, idempotencyKey: string) => {
    const { data } = await api.POST("/topups", {
      params: { header: { "Idempotency-Key": idempotencyKey } },
      body: { amount: values.amount },
    });
    if (!data?.checkout_url)
      throw new Error("The payment page is not ready. Try again in a moment.");
    onLeave(data.checkout_url);
    // Stays busy until the browser has left, so that nobody pays twice.
    await new Promise((resolve) => setTimeout(resolve, 3000));
  };

  return (
    <FormDialog
      open={open}
      onOpenChange={onOpenChange}
      title="Add credits"
      description="You pay on a Stripe Checkout page; the credit is here moments later."
      form={form}
      onSubmit={start}
      submitLabel="Continue to payment"
    >
      <Field
        label="Amount"
        error={form.formState.errors.amount?.message}
        hint="US dollars, before tax"
      >
        <Input prefix="$" inputMode="decimal" autoFocus {...form.register("amount")} />
      </Field>
      <fieldset className="flex flex-wrap gap-2">
        <legend className="sr-only">Common amounts</legend>
        {PRESETS.map((preset) => (
          <Button
            key={preset}
            size="sm"
            aria-pressed={amount === preset}
            className={amount === preset ? "border-accent! text-accent-text!" : ""}
            onClick={() => form.setValue("amount", preset, { shouldValidate: true })}
          >
            ${preset}
          </Button>
        ))}
      </fieldset>
    </FormDialog>
  );
}
