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
const choices = z.object({
  model: z.string().optional().catch(undefined),
  provider: z.record(z.string(), z.unknown()).catch({}),
  permission: z.union([z.string(), z.record(z.string(), ruleSet)]).catch({}),
  agent: z.record(
    z.string(),
    z.object({ permission: z.union([z.string(), z.record(z.string(), ruleSet)]).catch({}) })
      .catch({ permission: {} }),
  ).catch({}),
});

type RuleSets = z.infer<typeof choices>["permission"];

export function projectChoices(files: ProjectFiles): ProjectChoices {
  const found = projectSettings(files).map(({ value }) => choices.parse(value));
  return {
    model: found.findLast(({ model }) => model !== undefined)?.model,
    hasProviders: found.some(({ provider }) => Object.keys(provider).length > 0),
    rules: found.flatMap(({ permission, agent }) => [
      ...rulesOf(permission),
      ...Object.entries(agent).flatMap(([name, own]) =>
        rulesOf(own.permission).map((rule) => `${rule} (agent ${name})`)
      ),
    ]),
  };
}

function rulesOf(sets: RuleSets): readonly string[] {
  if (typeof sets === "string") return [`${sets} *`];
  return Object.entries(sets).flatMap(([permission, set]) =>
    typeof set === "string"
      ? [`${set} ${permission}`]
      : Object.entries(set).map(([pattern, action]) => `${action} ${permission} ${pattern}`)
  );
}
