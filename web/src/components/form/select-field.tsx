import { type Control, Controller, type FieldPath, type FieldValues } from "react-hook-form";
import { type Option, Select } from "@/components/ui/select";
import { Field } from "./field";

/** A select tied to a form value. */
export function SelectField<Values extends FieldValues>({
  control,
  name,
  label,
  options,
  hint,
  optional = false,
  placeholder,
}: {
  control: Control<Values>;
  name: FieldPath<Values>;
  label: string;
  options: Option[];
  hint?: string;
  optional?: boolean;
  placeholder?: string;
}) {
  return (
    <Controller
      control={control}
      name={name}
      render={({ field, fieldState }) => (
        <Field label={label} hint={hint} optional={optional} error={fieldState.error?.message}>
          <Select
            value={String(field.value ?? "")}
            onChange={field.onChange}
            options={options}
            label={label}
            invalid={fieldState.invalid}
            {...(placeholder === undefined ? {} : { placeholder })}
          />
        </Field>
      )}
    />
  );
}
