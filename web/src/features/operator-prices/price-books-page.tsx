import { Plus, Tags } from "lucide-react";
import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { Select } from "@/components/ui/select";
import { SkeletonBlock } from "@/components/ui/skeleton";
import { query, type Schema } from "@/lib/api/client";
import { ALL } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { BookDialog } from "./book-dialog";
import { VersionDialog } from "./version-dialog";
import { VersionsTable } from "./versions-table";

type Book = Schema<"PriceBook">;

const KINDS: Record<Book["kind"], string> = {
  list: "List prices",
  contract: "Contract",
  provider_cost: "Provider cost",
};

export function PriceBooksPage({
  bookId,
  onBookChange,
}: {
  bookId: number | undefined;
  onBookChange: (id: number) => void;
}) {
  const { can } = useSession();
  const canWrite = can("prices.write");
  const [dialog, setDialog] = useState<"book" | "version">();
  const books = query.useQuery("get", "/price-books", { params: { query: { limit: ALL } } });
  const all = books.data?.items ?? [];
  const book =
    all.find((one) => one.id === bookId) ?? all.find((one) => one.kind === "list") ?? all[0];

  return (
    <Page
      title="Price books"
      description="Prices are versions that never change: a new price is a new version, valid from its time."
      actions={
        canWrite ? (
          <>
            <Button onClick={() => setDialog("book")}>New contract book</Button>
            {book ? (
              <Button
                variant="primary"
                icon={<Plus className="size-4" aria-hidden />}
                onClick={() => setDialog("version")}
              >
                Set a price
              </Button>
            ) : null}
          </>
        ) : null
      }
    >
      {books.error ? (
        <LoadError error={books.error} onRetry={() => void books.refetch()} />
      ) : books.isPending ? (
        <Card className="p-5">
          <SkeletonBlock lines={6} label="Loading price books" />
        </Card>
      ) : book ? (
        <Card>
          <CardHeader
            title={
              <span className="flex flex-wrap items-center gap-2">
                {book.name}
                <Badge tone={book.kind === "provider_cost" ? "warning" : "accent"}>
                  {KINDS[book.kind]}
                </Badge>
              </span>
            }
            description={
              book.kind === "contract"
                ? `For ${book.tenant_name}; models not named here cost the list price`
                : book.kind === "list"
                  ? "What everybody pays without a contract"
                  : "What the providers charge us"
            }
            actions={
              <Select
                size="sm"
                label="Price book"
                value={String(book.id)}
                onChange={(next) => onBookChange(Number(next))}
                options={all.map((one) => ({
                  value: String(one.id),
                  label: one.name,
                  hint: KINDS[one.kind],
                }))}
              />
            }
          />
          <VersionsTable bookId={book.id} />
        </Card>
      ) : (
        <Card>
          <Empty icon={<Tags aria-hidden />} title="No price books yet">
            Run the migrations and the seed: they make the list book.
          </Empty>
        </Card>
      )}
      {dialog === "book" ? (
        <BookDialog
          onClose={() => setDialog(undefined)}
          onCreated={(created) => onBookChange(created.id)}
        />
      ) : null}
      {book && dialog === "version" ? (
        <VersionDialog key={book.id} book={book} onClose={() => setDialog(undefined)} />
      ) : null}
    </Page>
  );
}
