import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { PriceBooksPage } from "@/features/operator-prices/price-books-page";

export const Route = createFileRoute("/_app/operator/price-books")({
  validateSearch: z.object({ book: z.number().int().positive().optional().catch(undefined) }),
  component: PriceBooks,
});

function PriceBooks() {
  const { book } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <PriceBooksPage
      bookId={book}
      onBookChange={(next) => void navigate({ search: { book: next }, replace: true })}
    />
  );
}
