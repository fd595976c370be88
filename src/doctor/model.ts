/** What is known of the model that the loop would use: one judgement, for the doctor and for every run. */
import { type CommandServer, loginCommand, modelsCommand } from "../opencode/commands.ts";
import type { ProjectChoices } from "../opencode/project_choices.ts";
import { plain } from "../terminal/plain.ts";
import { fail, ok, type Remedy, skip, type Verdict, warn } from "./check.ts";
import type { Models } from "./probes.ts";

/** `ofProject`: what its settings say, where the server was not asked in the project itself. */
export function modelVerdict(
  models: Models,
  { server, ofProject }: { server: CommandServer; ofProject?: ProjectChoices },
): Verdict {
  const { providers } = models;
  const { chosen, chosenBy } = inProject(models, ofProject);
  const login: Remedy = { text: "log in to a provider", command: loginCommand(server) };
  if (chosen === undefined) {
    return fail("the server has no model that can be used", "no agent can work", login);
  }
  const shown = plain(chosen, 100);
  const providerId = chosen.slice(0, chosen.indexOf("/"));
  const provider = providers.find(({ id }) => id === providerId);
  if (!provider?.models.includes(chosen) && ofProject?.hasProviders) {
    return skip(
      `${shown} may be of the providers that this project's opencode.json brings: \`ralph run\` looks`,
    );
  }
  if (!provider) {
    return fail(
      `${shown}: its provider cannot be used`,
      "it has no credentials, or is switched off",
      login,
      { text: "see which models can be used", command: modelsCommand(server) },
    );
  }
  if (!provider.models.includes(chosen)) {
    return fail(`${shown}: the server does not know it`, "every iteration would fail", {
      text: "see which it knows",
      command: modelsCommand(server, providerId),
    });
  }
  const by = {
    ralph: "ralph's setting",
    agent: "the agent's own",
    project: "this project's opencode.json",
    server: "OpenCode's setting",
    default: "the default",
  };
  const found = `${shown} (${by[chosenBy]})`;
  if (provider.hasCredentials) return ok(found);
  return warn(
    `${found}; no credentials`,
    "only the free models of OpenCode work without, and those are limited",
    login,
  );
}

/** The provider of the model, where the server cannot use it. */
export function unusableProvider(models: Models, ofProject?: ProjectChoices): string | undefined {
  const { chosen } = inProject(models, ofProject);
  const id = chosen?.slice(0, chosen.indexOf("/"));
  return models.providers.some((provider) => provider.id === id) ? undefined : id;
}

/** What the loop will use in the project, whose own setting comes before the server's. */
function inProject(
  { chosen, chosenBy }: Models,
  ofProject: ProjectChoices | undefined,
): { chosen?: string; chosenBy: Models["chosenBy"] | "project" } {
  return chosenBy === "ralph" || chosenBy === "agent" || ofProject?.model === undefined
    ? { chosen, chosenBy }
    : { chosen: ofProject.model, chosenBy: "project" };
}
