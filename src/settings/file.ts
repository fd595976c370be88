/** One settings file: its bytes in, what it says out. */
import * as path from "node:path";
import { readGates } from "../task/gate.ts";
import { type JsonNode, scanJson } from "../task/json_scan.ts";
import { prdError } from "../task/faults.ts";
import { openSource, requireUtf8 } from "../task/open_source.ts";
import type { PrdFile, Source } from "../task/source.ts";
import { plain } from "../terminal/plain.ts";
import { firstFault, nodeAt, refuseDoubles } from "./fault.ts";
import { type SettingsFile, settingsSchema } from "./schema.ts";
import { type Refuse, serverUrl } from "./server_url.ts";
import { DEFAULT_REVIEW, MINUTE_MS, SETTINGS_BYTES_MAX, type SettingsPart } from "./settings.ts";
import { parseModel } from "./values.ts";

/**
 * Reads `ralph.json` or, `isOwn`, the user's `config.json`. Throws `RalphError` (`usage`) with the place of the first
 * fault.
 */
export function readSettingsFile(file: PrdFile & { isOwn: boolean }): SettingsPart {
  const source = openSource(file, "the settings");
  if (file.bytes.length > SETTINGS_BYTES_MAX) {
    throw prdError(source, 0, `the file is larger than ${SETTINGS_BYTES_MAX / 1024} KiB`);
  }
  requireUtf8(source);
  const root = scanJson(source);
  refuseDoubles(source, root);
  const gatesAt = (place: string) => {
    const node = nodeAt(root, [place]);
    return node && readGates(node, {
      place,
      fault: (offset, reason, hints) => prdError(source, offset, reason, hints),
    });
  };
  const [verify, setup] = ["verify", "setup"].map(gatesAt);
  const checked = settingsSchema.safeParse(JSON.parse(new TextDecoder().decode(file.bytes)));
  if (!checked.success) throw firstFault(source, root, checked.error.issues);
  for (const name of ["protect", "copy"] as const) {
    refuseAbsoluteGlobs(source, root, { name, globs: checked.data[name] });
  }
  for (const name of ["outside", "hooksFrom", "turnsAtOnce"] as const) {
    if (file.isOwn || !checked.data[name]) continue;
    const { start } = nodeAt(root, [name]) ?? root;
    throw prdError(source, start, `\`${name}\` counts only in your own settings, \`config.json\``);
  }
  const refuseServer: Refuse = (reason, hints) =>
    prdError(source, (nodeAt(root, ["server"]) ?? root).start, reason, hints);
  const folder = path.dirname(file.path);
  const part = partOf(checked.data, { folder, refuseServer });
  // The prompt that the user names is theirs, wherever it is.
  const outside = [part.prompt ?? [], checked.data.outside ?? []].flat();
  return { ...part, ...file.isOwn && outside.length > 0 && { outside }, verify, setup };
}

/**
 * What a `prd.json` says of its review, at its top. Other programs keep something of their own there: it is
 * ours when it is `false`, or an object that is empty or has a key of ours; else a warning says so. Throws
 * `RalphError` (`usage`) as `readSettingsFile` does; says nothing of a file that is no JSON, which whoever
 * reads its stories does.
 */
export function readPrdReview(file: PrdFile): { part: SettingsPart; warnings: readonly string[] } {
  const source = openSource(file, "the PRD");
  let read: { review?: unknown } | null;
  try {
    read = JSON.parse(source.view);
  } catch {
    return { part: {}, warnings: [] };
  }
  const said = typeof read === "object" ? read?.review : undefined;
  if (said === undefined) return { part: {}, warnings: [] };
  const keys = typeof said === "object" && said !== null && !Array.isArray(said)
    ? Object.keys(said)
    : undefined;
  const isOurs = said === false || keys?.length === 0 ||
    keys?.some((key) => REVIEW_KEYS.includes(key));
  if (!isOurs) return { part: {}, warnings: [NO_REVIEW] };
  const checked = prdReviewSchema.safeParse({ review: said });
  if (!checked.success) throw firstFault(source, scanJson(source), checked.error.issues);
  return { part: { review: given(checked.data.review, reviewOf) }, warnings: [] };
}

const NO_REVIEW =
  "`review` at the top of the PRD is none that ralph knows, and asks for no review: " +
  '`"review": {}` does, with `model`, `rounds` and `when` as in ralph.json';

const prdReviewSchema = settingsSchema.pick({ review: true });
const REVIEW_KEYS = ["model", "rounds", "when"];

/** A leading `/` is the project root: an absolute path would mean nothing without a word. */
function refuseAbsoluteGlobs(
  source: Source,
  root: JsonNode,
  { name, globs = [] }: { name: "protect" | "copy"; globs?: readonly string[] },
): void {
  const folder = path.dirname(source.path);
  const index = globs.findIndex((glob) => glob.replace(/^!/, "").startsWith(`${folder}/`));
  if (index < 0) return;
  const relative = globs[index].replace(`${folder}/`, "");
  const { start } = nodeAt(root, [name, index]) ?? root;
  throw prdError(source, start, `\`${name}[${index}]\` must be a path from the project root on`, [
    { text: `write for example \`"${name}": ${plain(JSON.stringify([relative]), 200)}\`` },
  ]);
}

function partOf(
  {
    server,
    turnsAtOnce,
    model,
    agent,
    prompt,
    gateEnv,
    protect,
    tests,
    commit,
    finish,
    review,
    baseBranch,
    worktree,
    worktreeIn,
    copy,
    dependsOn,
    onEnd,
    onBlocked,
    onIteration,
    notify,
    hooksFrom,
    limits = {},
  }: SettingsFile,
  { folder, refuseServer }: { folder: string; refuseServer: Refuse },
): SettingsPart {
  return {
    server: given(server, (text) => serverUrl(text, refuseServer)),
    turnsAtOnce,
    model: given(model, modelOf),
    agent,
    prompt: given(prompt, (file) => path.resolve(folder, file)),
    gateEnv,
    protect,
    tests,
    commit,
    finish,
    review: given(review, reviewOf),
    baseBranch,
    worktree,
    worktreeIn,
    copy,
    dependsOn,
    onEnd: given(onEnd, (command) => commandIn(folder, command)),
    onBlocked: given(onBlocked, (command) => commandIn(folder, command)),
    onIteration: given(onIteration, (command) => commandIn(folder, command)),
    notify,
    hooksFrom,
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

/** A program with a `/` in its name is looked for from the folder of the file that names it. */
function commandIn(folder: string, [program, ...args]: readonly string[]): readonly string[] {
  return [program.includes("/") ? path.resolve(folder, program) : program, ...args];
}

function reviewOf(review: NonNullable<SettingsFile["review"]>): SettingsPart["review"] {
  if (review === false) return false;
  const { model, rounds = DEFAULT_REVIEW.rounds, when = DEFAULT_REVIEW.when } = review;
  return { model: given(model, modelOf), rounds, when };
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
