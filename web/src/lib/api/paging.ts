interface CursorPage<Item> {
  items: Item[];
  next_cursor?: string | null | undefined;
}

/** Options of `query.useInfiniteQuery` for the API's cursor paging. */
export const cursorPaging = {
  pageParamName: "cursor",
  // Null and not undefined, for which the library would send 0.
  initialPageParam: null as string | null,
  getNextPageParam: (page: CursorPage<unknown>) => page.next_cursor ?? undefined,
};

export const PAGE_SIZE = 50;
/** For lists that are short by nature and fill a select. */
export const ALL = 200;

export function flatten<Item>(data: { pages: CursorPage<Item>[] } | undefined): Item[] {
  return data ? data.pages.flatMap((page) => page.items) : [];
}
