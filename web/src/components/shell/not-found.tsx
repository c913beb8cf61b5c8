import { LinkButton } from "@/components/ui/button";
import { BrandMark } from "./brand";

export function NotFound() {
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-4 px-4 py-24 text-center">
      <BrandMark size={40} />
      <h1 className="font-semibold text-xl">There is no page here</h1>
      <p className="text-base text-muted">The address may be old or mistyped.</p>
      <LinkButton to="/" variant="primary">
        Go to the overview
      </LinkButton>
    </div>
  );
}
