import {
  Activity,
  Building2,
  CalendarCheck,
  CreditCard,
  Gauge,
  HeartPulse,
  KeyRound,
  type LucideIcon,
  Network,
  ReceiptText,
  Route,
  ScrollText,
  Server,
  Settings,
  Sparkles,
  Tags,
  UsersRound,
} from "lucide-react";

export interface NavItem {
  to: string;
  label: string;
  icon: LucideIcon;
  /** More words that find it in the command palette. */
  keywords?: string;
}

export interface NavGroup {
  label: string;
  items: NavItem[];
}

export const TENANT_NAV: NavGroup[] = [
  {
    label: "Build",
    items: [
      { to: "/", label: "Overview", icon: Gauge, keywords: "home dashboard spend balance" },
      {
        to: "/keys",
        label: "API keys",
        icon: KeyRound,
        keywords: "virtual key secret token budget",
      },
      { to: "/models", label: "Models", icon: Sparkles, keywords: "prices context catalogue" },
    ],
  },
  {
    label: "Observe",
    items: [
      { to: "/usage", label: "Usage", icon: Activity, keywords: "chart tokens cost csv export" },
      { to: "/requests", label: "Requests", icon: ScrollText, keywords: "log latency errors" },
    ],
  },
  {
    label: "Billing",
    items: [
      { to: "/credits", label: "Credits", icon: CreditCard, keywords: "top up balance pay" },
      { to: "/invoices", label: "Invoices", icon: ReceiptText, keywords: "bill lines period" },
    ],
  },
  {
    label: "Organisation",
    items: [
      { to: "/members", label: "Members", icon: UsersRound, keywords: "team roles people" },
      { to: "/audit", label: "Audit log", icon: CalendarCheck, keywords: "history who changed" },
      { to: "/settings", label: "Settings", icon: Settings, keywords: "theme profile projects" },
    ],
  },
];

export const OPERATOR_NAV: NavGroup = {
  label: "Operator",
  items: [
    { to: "/operator/tenants", label: "Tenants", icon: Building2, keywords: "customers suspend" },
    {
      to: "/operator/providers",
      label: "Providers",
      icon: Server,
      keywords: "accounts upstream keys vendors",
    },
    {
      to: "/operator/models",
      label: "Models & deployments",
      icon: Network,
      keywords: "catalogue deployment",
    },
    { to: "/operator/routes", label: "Routes", icon: Route, keywords: "alias candidates" },
    { to: "/operator/price-books", label: "Price books", icon: Tags, keywords: "rates versions" },
    {
      to: "/operator/periods",
      label: "Period close",
      icon: CalendarCheck,
      keywords: "month invoices",
    },
    {
      to: "/operator/system",
      label: "System",
      icon: HeartPulse,
      keywords: "status health relays dead letters streams",
    },
  ],
};
