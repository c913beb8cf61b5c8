import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { optionalMoney, required, textOrUndefined } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { useModelChoices } from "@/lib/api/lookups";
import { className, TOKEN_CLASSES } from "@/lib/format/words";

const MAIN = ["in_text", "in_cached", "out_text", "out_reasoning"] as const;
const REST = TOKEN_CLASSES.filter((name) => !MAIN.some((main) => main === name));

/** Vendors price what is not a token by the piece, the minute or the thousand. */
const HINTS: Partial<Record<(typeof TOKEN_CLASSES)[number], string>> = {
  image_gen: "$0.04 each: 40000",
  audio_second: "$0.006 a minute: 100",
  search_query: "$10 per 1,000: 10000",
  request: "$1 per 1,000: 1000",
};

const schema = z
  .object({
    model: required("A model"),
    source: z.string().max(500),
    valid_from: z.string(),
    rates: z.partialRecord(z.enum(TOKEN_CLASSES), optionalMoney),
  })
  .refine((values) => Object.values(values.rates).some((rate) => rate !== ""), {
    path: ["source"],
    message: "At least one rate is needed",
  });

type Values = z.infer<typeof schema>;

/** Empty fields are left out: a class without a rate cannot be used, a rate of 0 is free. */
export function ratesOf(values: Values): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values.rates).filter(([, rate]) => rate !== undefined && rate !== ""),
  );
}

export function VersionDialog({
  book,
  onClose,
}: {
  book: Schema<"PriceBook">;
  onClose: () => void;
}) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const models = useModelChoices();
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      model: "",
      source: "",
      valid_from: "",
      rates: Object.fromEntries(TOKEN_CLASSES.map((name) => [name, ""])),
    },
  });
  const { errors } = form.formState;

  const rate = (name: (typeof TOKEN_CLASSES)[number]) => (
    <Field
      key={name}
      label={className(name)}
      hint={HINTS[name]}
      error={errors.rates?.[name]?.message}
    >
      <Input prefix="$" inputMode="decimal" {...form.register(`rates.${name}`)} />
    </Field>
  );

  return (
    <FormDialog
      open
      onOpenChange={onClose}
      size="lg"
      title={`Set a price in ${book.name}`}
      description="USD per million units: tokens, or what the class is named after. An empty class is not sold; zero is free."
      form={form}
      submitLabel="Record this version"
      onSubmit={async (values, idempotencyKey) => {
        const source = textOrUndefined(values.source);
        await api.POST("/price-books/{price_book_id}/versions", {
          params: {
            path: { price_book_id: book.id },
            header: { "Idempotency-Key": idempotencyKey },
          },
          body: {
            model: values.model,
            rates: ratesOf(values),
            ...(source ? { source } : {}),
            ...(values.valid_from ? { valid_from: new Date(values.valid_from).toISOString() } : {}),
          },
        });
        await invalidate("/price-books/{price_book_id}/versions", "/models");
        toast(`Price of ${values.model} recorded`);
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        {book.kind === "provider_cost" ? (
          <Field label="Model" hint="provider-slug:upstream-model" error={errors.model?.message}>
            <Input mono {...form.register("model")} />
          </Field>
        ) : (
          <SelectField control={form.control} name="model" label="Model" options={models} />
        )}
        <Field label="Valid from" optional hint="Empty: from now on">
          <Input type="datetime-local" {...form.register("valid_from")} />
        </Field>
      </div>
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">{MAIN.map(rate)}</div>
      <details>
        <summary className="w-fit rounded-sm font-medium text-muted text-sm hover:text-fg">
          More classes
        </summary>
        <div className="mt-3 grid grid-cols-2 gap-4 sm:grid-cols-4">{REST.map(rate)}</div>
      </details>
      <Field
        label="Source"
        optional
        hint="Where the figures come from: an address or a contract"
        error={errors.source?.message}
      >
        <Input {...form.register("source")} />
      </Field>
    </FormDialog>
  );
}
