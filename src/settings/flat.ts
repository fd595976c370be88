/** Settings one by one, by the names that they have in ralph.json: for telling what changed. */
import type { Gate } from "../task/gate.ts";
import { MINUTE_MS, modelName, type SettingsPart } from "./settings.ts";

type Json = string | number | boolean | readonly unknown[] | Readonly<Record<string, unknown>>;

/** Where a setting comes from; what nobody says is the default. */
export type SettingSource =
  | "default"
  | "config.json"
  | "ralph.json"
  | "variable"
  | "flag"
  | "PRD"
  | "prompt.md";

/** Values that JSON can have, in the units of ralph.json. Null: not set. */
export type FlatSettings = Readonly<Record<string, Json | null>>;

/** What a part says. */
export function flatSettings(
  { limits = {}, model, verify, setup, review, ...rest }: SettingsPart,
): FlatSettings {
  const named: readonly (readonly [string, Json | undefined])[] = [
    ...Object.entries(rest).filter(([name]) => name !== "serverOfProject"),
    ["model", model && modelName(model)],
    ["review", review && { ...review, model: review.model && modelName(review.model) }],
    ["verify", verify && flatGates(verify)],
    ["setup", setup && flatGates(setup)],
    ...Object.entries(limits).map(([name, value]) =>
      name.endsWith("Ms") && value !== undefined
        ? [`limits.${name.slice(0, -2)}Minutes`, value / MINUTE_MS] as const
        : [`limits.${name}`, value] as const
    ),
  ];
  return Object.fromEntries(
    named.flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

/** Gates as ralph.json has them. */
export function flatGates(gates: readonly Gate[]): readonly Json[] {
  return gates.map(({ run, timeoutSeconds }) =>
    "args" in run && timeoutSeconds === undefined ? run.args : { ...run, timeoutSeconds }
  );
}
