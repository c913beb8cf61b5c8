/** Where to go after sign-in: a path of this console and nothing else. */
export function safeReturnPath(next: string | undefined): string {
  // "//host" and "/\host" leave the site in a browser's eyes.
  if (!next || !/^\/(?![/\\])/.test(next) || next.startsWith("/sign-in")) return "/";
  return next;
}
