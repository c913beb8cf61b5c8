import { Money } from "@/components/ui/money";
import { Tooltip } from "@/components/ui/tooltip";
import type { Schema } from "@/lib/api/client";
import { formatCount } from "@/lib/format/number";
import { byClass, className, provenanceText } from "@/lib/format/words";

/** How the charge came about: units by class, the rate of the price version, and their product. */
export function CostBreakdown({ request }: { request: Schema<"RequestDetail"> }) {
  const classes = [...request.classes]
    .filter((line) => line.units > 0)
    .sort((a, b) => byClass(a.class, b.class));
  if (classes.length === 0) {
    return <p className="text-muted text-sm">No billable units: nothing was charged.</p>;
  }
  return (
    <div className="overflow-x-auto rounded-md border border-border">
      <table className="w-full text-sm">
        <thead>
          <tr className="border-border border-b text-muted text-xs">
            <th scope="col" className="h-9 px-3 text-left font-medium">
              Class
            </th>
            <th scope="col" className="h-9 px-3 text-right font-medium">
              Units
            </th>
            <th scope="col" className="h-9 px-3 text-right font-medium">
              per million
            </th>
            <th scope="col" className="h-9 px-3 text-right font-medium">
              Charge
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-border">
          {classes.map((line) => (
            <tr key={line.class}>
              <td className="h-10 px-3">
                {className(line.class)}
                {line.provenance === "reported" ? null : (
                  <Tooltip content={`Count ${provenanceText(line.provenance)}`}>
                    <button
                      type="button"
                      className="ml-1.5 rounded-sm text-faint text-xs underline decoration-dotted underline-offset-2"
                    >
                      {line.provenance}
                    </button>
                  </Tooltip>
                )}
              </td>
              <td className="h-10 px-3 text-right tabular-nums">{formatCount(line.units)}</td>
              <td className="h-10 px-3 text-right">
                {line.rate ? (
                  <Money value={line.rate} precision="short" className="text-muted" />
                ) : (
                  <span className="text-faint">free</span>
                )}
              </td>
              <td className="h-10 px-3 text-right">
                <Money value={line.charge} precision="exact" />
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="border-border-strong border-t font-medium">
            <th scope="row" colSpan={3} className="h-10 px-3 text-left font-medium">
              Charged
            </th>
            <td className="h-10 px-3 text-right">
              <Money value={request.charge} precision="exact" />
            </td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
