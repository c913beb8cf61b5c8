import { createFileRoute } from "@tanstack/react-router";
import { PeriodsPage } from "@/features/operator-periods/periods-page";

export const Route = createFileRoute("/_app/operator/periods")({ component: PeriodsPage });
