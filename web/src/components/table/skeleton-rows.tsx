import { Skeleton } from "@/components/ui/skeleton";

/** Rows in place while the first page loads, so that nothing jumps when it comes. */
export function SkeletonRows({ columns, rows = 6 }: { columns: string[]; rows?: number }) {
  return Array.from({ length: rows }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: identical rows that never move
    <tr key={row}>
      {columns.map((className, column) => (
        <td
          // biome-ignore lint/suspicious/noArrayIndexKey: identical cells that never move
          key={column}
          className={`h-12 px-2 first:pl-4 last:pr-4 sm:px-3 sm:first:pl-5 sm:last:pr-5 ${className}`}
        >
          <Skeleton className={`inline-block h-4 ${column === 0 ? "w-32" : "w-16"}`} />
        </td>
      ))}
    </tr>
  ));
}
