export interface FieldProblem {
  /** Name of the field in the body; dots part levels. */
  field: string;
  detail: string;
}

/** A failed call, as the API's problem+json told it. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** Stable code, such as `conflict`. */
  readonly code: string;
  readonly requestId: string | undefined;
  readonly fields: FieldProblem[];

  constructor(
    status: number,
    code: string,
    message: string,
    requestId?: string,
    fields: FieldProblem[] = [],
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.fields = fields;
  }
}

type Bag = Record<string, unknown>;

function bag(value: unknown): Bag {
  return typeof value === "object" && value !== null ? (value as Bag) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Reads a problem+json body; anything else becomes a plain sentence with the status. */
export function toApiError(status: number, body: unknown, requestId?: string | null): ApiError {
  const problem = bag(body);
  const message =
    text(problem.detail) ?? text(problem.title) ?? `The server answered with status ${status}.`;
  const errors = Array.isArray(problem.errors) ? problem.errors.map(bag) : [];
  return new ApiError(
    status,
    text(problem.code) ?? "unknown",
    message,
    text(problem.request_id) ?? requestId ?? undefined,
    errors.map((entry) => ({
      field: (text(entry.pointer) ?? "").replace(/^\//, "").replaceAll("/", "."),
      detail: text(entry.detail) ?? "This value was refused",
    })),
  );
}

/** One sentence for the person in front of the screen. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    return error.requestId && error.status >= 500
      ? `${error.message} (request ${error.requestId})`
      : error.message;
  }
  if (error instanceof TypeError) {
    return "The server cannot be reached. Check the connection and try again.";
  }
  return error instanceof Error ? error.message : "Something went wrong.";
}
