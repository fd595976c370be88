/** What a project's settings of OpenCode say of models and rules, read from the files alone. Pure. */
import { z } from "zod";
import { type ProjectFiles, projectSettings } from "./settings_files.ts";

export interface ProjectChoices {
  /** As `provider/model`; foreign text. */
  readonly model?: string;
  /** Brings providers of its own, which only a server that has loaded the project knows. */
  readonly hasProviders: boolean;
  /** `deny bash git push*`, and what it allows and asks; foreign text. */
  readonly rules: readonly string[];
}

/** For one permission: of all its calls, or of those that match a pattern. */
const ruleSet = z.union([z.string(), z.record(z.string(), z.string().catch(""))]).catch({});
const ruleSets = z.union([z.string(), z.record(z.string(), ruleSet)]).catch({}).transform(rulesOf);
/** The same in the words of OpenCode 2. */
const ruleList = z.array(
  z.object({ effect: z.string(), action: z.string(), resource: z.string() })
    .transform(({ effect, action, resource }) => [`${effect} ${action} ${resource}`]).catch([]),
).catch([]).transform((all) => all.flat());
const rules = { permission: ruleSets.default([]), permissions: ruleList.default([]) };
const agents = z.record(
  z.string(),
  z.object(rules).catch({ permission: [], permissions: [] }),
).catch({});
const choices = z.object({
  model: z.union([
    z.string(),
    z.object({ providerID: z.string(), model: z.string() })
      .transform(({ providerID, model }) => `${providerID}/${model}`),
  ]).optional().catch(undefined),
  provider: z.record(z.string(), z.unknown()).catch({}),
  providers: z.record(z.string(), z.unknown()).catch({}),
  agent: agents,
  agents,
  ...rules,
});

export function projectChoices(files: ProjectFiles): ProjectChoices {
  const found = projectSettings(files).map(({ value }) => choices.parse(value));
  const isAny = (of: object) => Object.keys(of).length > 0;
  return {
    model: found.findLast(({ model }) => model !== undefined)?.model,
    hasProviders: found.some(({ provider, providers }) => isAny(provider) || isAny(providers)),
    rules: found.flatMap(({ permission, permissions, agent, agents }) => [
      ...permission,
      ...permissions,
      ...[agent, agents].flatMap(Object.entries<typeof agent[string]>).flatMap(([name, own]) =>
        [...own.permission, ...own.permissions].map((rule) => `${rule} (agent ${name})`)
      ),
    ]),
  };
}

function rulesOf(sets: string | Readonly<Record<string, z.infer<typeof ruleSet>>>): string[] {
  if (typeof sets === "string") return [`${sets} *`];
  return Object.entries(sets).flatMap(([permission, set]) =>
    typeof set === "string"
      ? [`${set} ${permission}`]
      : Object.entries(set).map(([pattern, action]) => `${action} ${permission} ${pattern}`)
  );
}
