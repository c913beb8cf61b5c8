import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  sortFn_alphanumeric,
  sortFn_basic,
  sortFn_datetime,
  sortFn_text,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useState } from "react";
import { cx } from "@/lib/cx";
import { SkeletonRows } from "./skeleton-rows";

export const tableFeatureSet = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: {
    alphanumeric: sortFn_alphanumeric,
    basic: sortFn_basic,
    datetime: sortFn_datetime,
    text: sortFn_text,
  },
});

export interface ColumnLook {
  align?: "right";
  /** Hidden below this width, where the drawer or the row's page has the value. */
  from?: "sm" | "md" | "lg" | "xl";
  width?: string;
}

export type Column<Row extends object> = ColumnDef<typeof tableFeatureSet, Row> & {
  meta?: ColumnLook;
};

const FROM = {
  sm: "hidden sm:table-cell",
  md: "hidden md:table-cell",
  lg: "hidden lg:table-cell",
  xl: "hidden xl:table-cell",
};

function look(meta: unknown): string {
  const { align, from, width } = (meta ?? {}) as ColumnLook;
  return cx(align === "right" ? "text-right" : "text-left", from ? FROM[from] : "", width);
}

/** A table of rows that lays out only: data comes in, clicks go out. */
export function DataTable<Row extends object>({
  columns,
  rows,
  rowId,
  label,
  loading = false,
  empty,
  onRowClick,
  initialSort = [],
  sortable = true,
  footer,
}: {
  columns: Column<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
  label: string;
  loading?: boolean;
  empty: ReactNode;
  onRowClick?: (row: Row) => void;
  initialSort?: SortingState;
  /** False where the server pages: sorting one page of many would mislead. */
  sortable?: boolean;
  footer?: ReactNode;
}) {
  const [sorting, setSorting] = useState<SortingState>(initialSort);
  const table = useTable({
    features: tableFeatureSet,
    columns,
    data: rows,
    getRowId: rowId,
    state: { sorting },
    onSortingChange: setSorting,
    enableSorting: sortable,
    enableSortingRemoval: false,
  });

  if (!loading && rows.length === 0) return <>{empty}</>;

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table must scroll by keyboard
    <section className="relative overflow-x-auto rounded-lg" aria-label={label} tabIndex={0}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{label}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-border border-b">
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted();
                const title = header.isPlaceholder ? null : <table.FlexRender header={header} />;
                return (
                  <th
                    key={header.id}
                    scope="col"
                    aria-sort={
                      sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined
                    }
                    className={cx(
                      "h-10 whitespace-nowrap px-2 font-medium text-muted text-xs first:pl-4 last:pr-4 sm:px-3 sm:first:pl-5 sm:last:pr-5",
                      look(header.column.columnDef.meta),
                    )}
                  >
                    {header.column.getCanSort() && sortable ? (
                      <button
                        type="button"
                        onClick={header.column.getToggleSortingHandler()}
                        className="inline-flex items-center gap-1 rounded-sm hover:text-fg"
                      >
                        {title}
                        {sorted === "asc" ? <ArrowUp className="size-3" aria-hidden /> : null}
                        {sorted === "desc" ? <ArrowDown className="size-3" aria-hidden /> : null}
                      </button>
                    ) : (
                      title
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody className="divide-y divide-border">
          {loading ? (
            <SkeletonRows columns={columns.map((column) => look(column.meta))} />
          ) : (
            table.getRowModel().rows.map((row) => (
              <tr
                key={row.id}
                className={cx(
                  "group/row",
                  onRowClick ? "cursor-pointer hover:bg-hover/60" : "hover:bg-hover/35",
                )}
                onClick={onRowClick ? (event) => openUnlessControl(event, row.original) : undefined}
              >
                {row.getAllCells().map((cell) => (
                  <td
                    key={cell.id}
                    className={cx(
                      "h-12 px-2 first:pl-4 last:pr-4 sm:px-3 sm:first:pl-5 sm:last:pr-5",
                      look(cell.column.columnDef.meta),
                    )}
                  >
                    <table.FlexRender cell={cell} />
                  </td>
                ))}
              </tr>
            ))
          )}
        </tbody>
        {footer && !loading ? <tfoot className="border-border border-t">{footer}</tfoot> : null}
      </table>
    </section>
  );

  // A click on a control inside the row is for that control. Keyboard users have the row's own link.
  function openUnlessControl(event: React.MouseEvent<HTMLElement>, row: Row) {
    const target = event.target as HTMLElement;
    if (target.closest("button, a, input, [role=menuitem]")) return;
    onRowClick?.(row);
  }
}
