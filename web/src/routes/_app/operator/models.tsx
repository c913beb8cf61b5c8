import { createFileRoute } from "@tanstack/react-router";
import { CataloguePage } from "@/features/operator-models/catalogue-page";

export const Route = createFileRoute("/_app/operator/models")({ component: CataloguePage });
