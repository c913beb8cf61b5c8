/** A failed call, as the API's problem+json told it. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** Stable code, such as `insufficient_credit`. */
  readonly code: string;
  readonly requestId: string | undefined;

  constructor(status: number, code: string, message: string, requestId?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Reads a problem+json body; anything else becomes a plain sentence with the status. */
export function toApiError(status: number, body: unknown, requestId?: string | null): ApiError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const message =
    text(problem.detail) ?? text(problem.title) ?? `The server answered with status ${status}.`;
  return new ApiError(
    status,
    text(problem.code) ?? "unknown",
    message,
    text(problem.request_id) ?? requestId ?? undefined,
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
