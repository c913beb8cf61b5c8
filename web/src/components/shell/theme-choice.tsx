import { Monitor, Moon, Sun } from "lucide-react";
import { Segmented } from "@/components/ui/segmented";
import { setTheme, type Theme, useTheme } from "@/lib/theme";

export function ThemeChoice({ withLabels = false }: { withLabels?: boolean }) {
  const theme = useTheme();
  const show = (icon: React.ReactNode, text: string) => (withLabels ? [icon, text] : icon);
  return (
    <Segmented<Theme>
      label="Theme"
      value={theme}
      onChange={setTheme}
      options={[
        { value: "light", name: "Light", label: show(<Sun key="i" aria-hidden />, "Light") },
        { value: "dark", name: "Dark", label: show(<Moon key="i" aria-hidden />, "Dark") },
        { value: "system", name: "System", label: show(<Monitor key="i" aria-hidden />, "System") },
      ]}
    />
  );
}
