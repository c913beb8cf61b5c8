import type { Schema } from "@/lib/api/client";
import { at, TENANT } from "./data";

export const tenant: Schema<"Tenant"> = {
  id: TENANT,
  name: "Northwind Labs",
  status: "active",
  billing_mode: "prepaid",
  credit_limit: "0",
  billing_email: "billing@northwind.example",
  demo: true,
  balance: "187.412903846",
  created_at: at(60 * 24 * 140),
  response_store: { enabled: false, ttl_hours: 720 },
};
