/** One settings file: its bytes in, what it says out. */
import * as path from "node:path";
import { readGates } from "../task/gate.ts";
import { scanJson } from "../task/json_scan.ts";
import { openSource, prdError, type PrdFile, requireUtf8 } from "../task/source.ts";
import { firstFault, nodeAt, refuseDoubles } from "./fault.ts";
import { type SettingsFile, settingsSchema } from "./schema.ts";
import { type Refuse, serverUrl } from "./server_url.ts";
import { MINUTE_MS, type SettingsPart } from "./settings.ts";
import { parseModel } from "./values.ts";

/** In bytes. No honest settings come near. */
const SIZE_MAX = 64 * 1024;

/**
 * Reads `ralph.json` or `config.json`. Throws `RalphError` (`usage`) with the place of the first
 * fault.
 */
export function readSettingsFile(file: PrdFile): SettingsPart {
  const source = openSource(file, "the settings");
  if (file.bytes.length > SIZE_MAX) {
    throw prdError(source, 0, `the file is larger than ${SIZE_MAX / 1024} KiB`);
  }
  requireUtf8(source);
  const root = scanJson(source);
  refuseDoubles(source, root);
  const verify = nodeAt(root, ["verify"]);
  const gates = verify && readGates(verify, {
    place: "verify",
    fault: (offset, reason, hints) => prdError(source, offset, reason, hints),
  });
  const checked = settingsSchema.safeParse(JSON.parse(new TextDecoder().decode(file.bytes)));
  if (!checked.success) throw firstFault(source, root, checked.error.issues);
  const refuseServer: Refuse = (reason, hints) =>
    prdError(source, (nodeAt(root, ["server"]) ?? root).start, reason, hints);
  const folder = path.dirname(file.path);
  return { ...partOf(checked.data, { folder, refuseServer }), verify: gates };
}

function partOf(
  { server, model, agent, prompt, protect, tests, baseBranch, limits = {} }: SettingsFile,
  { folder, refuseServer }: { folder: string; refuseServer: Refuse },
): SettingsPart {
  return {
    server: given(server, (text) => serverUrl(text, refuseServer)),
    model: given(model, modelOf),
    agent,
    prompt: given(prompt, (file) => path.resolve(folder, file)),
    protect,
    tests,
    baseBranch,
    limits: {
      iterations: limits.iterations,
      costUsd: limits.costUsd,
      tokens: limits.tokens,
      durationMs: given(limits.durationMinutes, milliseconds),
      turnMs: given(limits.turnMinutes, milliseconds),
      silenceMs: given(limits.silenceMinutes, milliseconds),
      modelCalls: limits.modelCalls,
      gateMs: given(limits.gateMinutes, milliseconds),
      noProgress: limits.noProgress,
      errors: limits.errors,
      serverAwayMs: given(limits.serverAwayMinutes, milliseconds),
      rateLimitMs: given(limits.rateLimitMinutes, milliseconds),
      brokenAnswers: limits.brokenAnswers,
      compactions: limits.compactions,
    },
  };
}

function given<T, R>(value: T | undefined, use: (value: T) => R): R | undefined {
  return value === undefined ? undefined : use(value);
}

/** The schema lets through what `parseModel` can read, and nothing else. */
function modelOf(text: string): SettingsPart["model"] {
  const parsed = parseModel(text);
  return "value" in parsed ? parsed.value : undefined;
}

/** Rounded up, so that it is never 0. */
function milliseconds(minutes: number): number {
  return Math.ceil(minutes * MINUTE_MS);
}
