import { createFileRoute } from "@tanstack/react-router";
import { ProvidersPage } from "@/features/operator-providers/providers-page";

export const Route = createFileRoute("/_app/operator/providers")({ component: ProvidersPage });
