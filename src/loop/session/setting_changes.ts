/** What a session begins with that the one before did not: who changed it may not have told. */
import { createHash } from "node:crypto";
import * as z from "zod";
import {
  flatGates,
  type FlatSettings,
  flatSettings,
  type SettingSource,
} from "../../settings/flat.ts";
import type { Settings } from "../../settings/settings.ts";
import { parseStored } from "../../stored_json.ts";
import type { Session } from "../../store/model.ts";
import type { Gate } from "../../task/gate.ts";
import type { KeptSettings } from "./kept_settings.ts";

/** What a worker finds at its start that is on record nowhere else. */
export interface Choices {
  /** Of the user's own; absent: ralph's. */
  readonly prompt?: { readonly file: string; readonly sha256: string };
  readonly baseBranch?: string;
  /** Gates of the task and of its stories, as ralph.json would have them; absent: not known. */
  readonly prdGates?: readonly unknown[];
}

/** One setting that is not as it was. Values as in ralph.json; null: not set. */
export interface SettingChange {
  readonly setting: string;
  readonly before: unknown;
  readonly now: unknown;
  readonly from: SettingSource;
}

export type SettingSources = Readonly<Record<string, SettingSource>>;

const choicesSchema: z.ZodType<Choices> = z.object({
  prompt: z.object({ file: z.string(), sha256: z.string() }).optional(),
  baseBranch: z.string().optional(),
  prdGates: z.array(z.unknown()).optional(),
});

/** What `JSON.stringify` made the text of. Throws `RalphError` (`state`) for any other text. */
export function parseChoices(text: string, session: number): Choices {
  const what = `the prompt and the PRD's gates that session ${session} began with, in the database`;
  return parseStored(text, { schema: choicesSchema, what });
}

/** `template`: the text of the prompt in `promptFile`; `prdGates` undefined: the PRD cannot be read. */
export function choicesOf(
  { baseBranch }: Settings,
  { promptFile, template, prdGates }: {
    promptFile: string | undefined;
    template: string | undefined;
    prdGates: readonly Gate[] | undefined;
  },
): Choices {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  return {
    prompt: promptFile !== undefined && template !== undefined
      ? { file: promptFile, sha256: hash(template) }
      : undefined,
    baseBranch,
    prdGates: prdGates && flatGates(prdGates),
  };
}

/** What an earlier session is known to have begun with. */
export function flatBefore(
  { model, agent, serverUrl }: Session,
  { settings, choices }: { settings: KeptSettings | undefined; choices: Choices | undefined },
): FlatSettings {
  const { owesEvidence: _, ...kept } = settings ?? { owesEvidence: false };
  return {
    ...settings && NO_LIMIT,
    ...flatSettings(kept),
    ...choices && flatChoices(choices),
    model,
    agent,
    ...serverUrl === null ? {} : { server: serverUrl },
  };
}

/** What a session begins with. */
export function flatNow({ prompt: _, ...settings }: Settings, choices: Choices): FlatSettings {
  return {
    ...NO_LIMIT,
    model: null,
    agent: null,
    ...flatSettings(settings),
    ...flatChoices(choices),
  };
}

/** Limits that need not be there. */
const NO_LIMIT = { "limits.costUsd": null, "limits.tokens": null, "limits.durationMinutes": null };

function flatChoices({ prompt, baseBranch, prdGates }: Choices): FlatSettings {
  return {
    prompt: prompt ?? null,
    baseBranch: baseBranch ?? null,
    ...prdGates ? { [PRD_GATES]: prdGates } : {},
  };
}

const PRD_GATES = "verify of the PRD";

/** Of what is known of both. */
export function settingChanges(
  before: FlatSettings,
  now: FlatSettings,
  sources: SettingSources,
): readonly SettingChange[] {
  return Object.entries(now).flatMap(([setting, value]) => {
    if (!Object.hasOwn(before, setting)) return [];
    if (JSON.stringify(before[setting]) === JSON.stringify(value)) return [];
    const from = setting === PRD_GATES ? "PRD" : sources[setting] ?? "default";
    return [{ setting, before: before[setting], now: value, from }];
  });
}
