import { ThemeChoice } from "@/components/shell/theme-choice";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Definitions } from "@/components/ui/definition";
import { Page } from "@/components/ui/page";
import { useSession } from "@/lib/auth/session";
import { OrganisationCard } from "./organisation-card";
import { PasswordForm, ProfileForm } from "./profile-forms";
import { ProjectsCard } from "./projects-card";
import { StoredResponsesCard } from "./stored-responses-card";
import { TokensCard } from "./tokens-card";

export function SettingsPage() {
  const { me, hasTenant, can } = useSession();
  return (
    <Page title="Settings" description="You, your organisation, and the tokens that automate it.">
      <div className="grid items-start gap-6 lg:grid-cols-2">
        <Card>
          <CardHeader title="Profile" description={me.user.email} />
          <CardBody>
            <ProfileForm key={me.user.name} name={me.user.name} />
          </CardBody>
        </Card>
        <Card>
          <CardHeader title="Password" description="Changing it ends all your other sessions." />
          <CardBody>
            <PasswordForm email={me.user.email} />
          </CardBody>
        </Card>
        <Card>
          <CardHeader title="Appearance" description="Kept in this browser." />
          <CardBody>
            <ThemeChoice withLabels />
          </CardBody>
        </Card>
        <Card>
          <CardHeader title="Connection" />
          <CardBody className="pb-3!">
            <Definitions
              items={[
                { term: "Base URL", value: <CopyText text={me.relay_base_url} /> },
                { term: "Admin API", value: <CopyText text={`${me.console_url}/api/v1`} /> },
                {
                  term: "API reference",
                  value: (
                    <a
                      href="/docs"
                      className="rounded-sm font-medium text-accent-text hover:underline"
                    >
                      /docs
                    </a>
                  ),
                },
                { term: "Version", value: me.version },
              ]}
            />
          </CardBody>
        </Card>
      </div>
      {hasTenant ? <OrganisationCard /> : null}
      {hasTenant ? <StoredResponsesCard /> : null}
      {hasTenant && can("projects.read") ? <ProjectsCard /> : null}
      {can("tokens.own") || can("tokens.all") ? <TokensCard /> : null}
    </Page>
  );
}

function CopyText({ text }: { text: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <code className="text-xs">{text}</code>
      <CopyButton text={text} label={`Copy ${text}`} iconOnly variant="ghost" />
    </span>
  );
}
