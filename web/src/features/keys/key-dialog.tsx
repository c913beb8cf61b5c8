import { zodResolver } from "@hookform/resolvers/zod";
import { ChevronRight } from "lucide-react";
import { Controller, useForm } from "react-hook-form";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { MultiSelect } from "@/components/form/multi-select";
import { SelectField } from "@/components/form/select-field";
import { useModelChoices, useProjectChoices } from "@/lib/api/lookups";
import { type KeyValues, keySchema } from "./key-form";

const WINDOWS = [
  { value: "day", label: "a day" },
  { value: "week", label: "a week" },
  { value: "month", label: "a month" },
  { value: "total", label: "in total" },
];

const EXPIRIES = [
  { value: "never", label: "Never" },
  { value: "7", label: "In 7 days" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
];

/** The form of a key, for a new one and for an old one. */
export function KeyDialog({
  open,
  onOpenChange,
  editing,
  initial,
  onSubmit,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  editing: boolean;
  initial: KeyValues;
  onSubmit: (values: KeyValues, idempotencyKey: string) => Promise<void>;
}) {
  const form = useForm<KeyValues>({ resolver: zodResolver(keySchema), defaultValues: initial });
  const { errors } = form.formState;
  const projects = useProjectChoices();
  const models = useModelChoices().map((model) => model.value);
  const limited = initial.rpm !== "" || initial.tpm !== "" || initial.concurrency !== "";

  return (
    <FormDialog
      open={open}
      onOpenChange={onOpenChange}
      title={editing ? `Edit ${initial.name}` : "Create an API key"}
      description={
        editing
          ? "Changes reach every relay within two seconds."
          : "The secret is shown once, right after this."
      }
      form={form}
      onSubmit={onSubmit}
      submitLabel={editing ? "Save changes" : "Create key"}
    >
      <Field
        label="Name"
        hint="Where it is used, such as “checkout service”"
        error={errors.name?.message}
      >
        <Input autoFocus maxLength={120} {...form.register("name")} />
      </Field>
      {!editing && projects.length > 1 ? (
        <SelectField
          control={form.control}
          name="project_id"
          label="Project"
          options={projects}
          placeholder={projects[0]?.label ?? "Default"}
        />
      ) : null}
      <div className="grid grid-cols-[1fr_8rem] items-start gap-3">
        <Field label="Budget" optional error={errors.budget?.message}>
          <Input
            prefix="$"
            inputMode="decimal"
            placeholder="No limit"
            {...form.register("budget")}
          />
        </Field>
        <SelectField control={form.control} name="budget_window" label="Per" options={WINDOWS} />
      </div>
      <Controller
        control={form.control}
        name="allowed_models"
        render={({ field }) => (
          <Field label="Models" optional hint="The key may call these and no others.">
            <MultiSelect
              value={field.value}
              onChange={field.onChange}
              options={models}
              label="Models"
              emptyText="All models"
            />
          </Field>
        )}
      />
      <SelectField
        control={form.control}
        name="expires"
        label="Expires"
        options={
          initial.expires === "keep"
            ? [{ value: "keep", label: "As it is now" }, ...EXPIRIES]
            : EXPIRIES
        }
      />
      <details open={limited} className="group">
        <summary className="flex w-fit list-none items-center gap-1 rounded-sm font-medium text-muted text-sm hover:text-fg">
          <ChevronRight className="size-4 transition-transform group-open:rotate-90" aria-hidden />
          Rate limits
        </summary>
        <div className="mt-3 grid gap-3 sm:grid-cols-3">
          <Field label="Requests / min" error={errors.rpm?.message}>
            <Input inputMode="numeric" placeholder="No limit" {...form.register("rpm")} />
          </Field>
          <Field label="Tokens / min" error={errors.tpm?.message}>
            <Input inputMode="numeric" placeholder="No limit" {...form.register("tpm")} />
          </Field>
          <Field label="At once" error={errors.concurrency?.message}>
            <Input inputMode="numeric" placeholder="No limit" {...form.register("concurrency")} />
          </Field>
        </div>
      </details>
    </FormDialog>
  );
}
