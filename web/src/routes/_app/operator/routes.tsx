import { createFileRoute } from "@tanstack/react-router";
import { RoutesPage } from "@/features/operator-routes/routes-page";

export const Route = createFileRoute("/_app/operator/routes")({ component: RoutesPage });
