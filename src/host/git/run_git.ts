/** Every call of git goes through here: bounded in time, and about the repository that is named. */
import type { Clock } from "../../clock.ts";
import { GitError, type Hint } from "../../error.ts";
import { isNamed, NO_SECRETS, OF_DESKTOP, OF_SIGNING } from "../../no_secrets.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { askExactly } from "../process/ask.ts";
import { allEnvironment } from "../system/environment.ts";

type GitAnswer =
  /** As it came. Bytes that are not UTF-8 have become U+FFFD. */
  | { kind: "printed"; text: string }
  /** `said`: git's own words, not safe to print. */
  | { kind: "failed"; code: number; said: string }
  /** There is no git, or it cannot be started. */
  | { kind: "missing"; why: string }
  /** It did not answer in time, and was ended. */
  | { kind: "late"; timeoutMs: number }
  /** By somebody, or the system for want of memory. */
  | { kind: "killed"; signal: Deno.Signal }
  | { kind: "aborted" };

interface GitOptions {
  clock: Clock;
  /** In milliseconds. Default: 30 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** For its standard input, which is empty by default. */
  input?: string;
  /** It is no question: it may take the locks that it needs. */
  changes?: boolean;
  /** Settings of git for this call alone: names and values. */
  config?: readonly (readonly [string, string])[];
  /** Put before the command, so that it runs elsewhere. */
  within?: readonly string[];
  /** Names of further variables that it gets, for hooks; `AWS_*` stands for all that begin so. */
  handOn?: readonly string[];
  /** What it runs has no terminal and no desktop to ask a person on. */
  unattended?: boolean;
  /** How long its hooks have to put things back when it is ended: see `askExactly`. Default: not at all. */
  interruptMs?: number;
}

const WHERE_TO_ASK: readonly string[] = ["GPG_TTY", ...OF_DESKTOP];
/** Of the caller's settings in variables. */
const SETTINGS_MAX = 100;
/** Far above what a question about refs and objects takes, on a disk that is at work, too. */
const GIT_MS = 30_000;

/**
 * For what reads the whole work tree: 100 000 files at 1 ms each, as from a network's disk that has
 * none of them in memory.
 */
export const WORK_TREE_MS = 120_000;

/**
 * Of the caller's GIT_*, those that say who commits (and not when: a hook's is the time of another
 * commit), how a server is reached, where git's programs
 * and settings are, and how far up a repository is looked for. All others go: GIT_DIR,
 * GIT_WORK_TREE, GIT_INDEX_FILE and their like, which git sets for hooks and aliases, lead to
 * another repository, others change what a path means or what is printed.
 */
const KEPT =
  /^GIT_((AUTHOR|COMMITTER)_(NAME|EMAIL)$|SSH|SSL_|PROXY_|LFS_|ASKPASS$|EXEC_PATH$|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)$|CEILING_DIRECTORIES$|DISCOVERY_ACROSS_FILESYSTEM$)/;

/**
 * Runs git in `root`. It asks nobody for a password, and runs no monitor that the repository's
 * configuration names. Where it only looks it fetches nothing, as it would in a partial clone by whatever
 * program the configuration names (git-clone(1), `--filter`). Throws nothing.
 */
export async function runGit(
  root: string,
  args: readonly string[],
  { timeoutMs = GIT_MS, changes = false, config, within = [], handOn, unattended, ...options }:
    GitOptions,
): Promise<GitAnswer> {
  const locks = changes ? [] : ["--no-optional-locks"];
  const git = ["git", ...locks, "-c", "core.fsmonitor=false", "-C", root, ...args];
  try {
    const env = {
      ...gitEnvironment({ config, handOn, unattended }),
      ...!changes && { GIT_ALLOW_PROTOCOL: "none" },
    };
    const answer = await askExactly([...within, ...git], {
      ...options,
      timeoutMs,
      env,
      clearEnv: true,
    });
    switch (answer.kind) {
      case "ended":
        return answer.code === 0
          ? { kind: "printed", text: answer.stdout }
          : { kind: "failed", code: answer.code, said: answer.stderr };
      case "missing":
        return { kind: "missing", why: "there is no such program" };
      case "late":
        return { kind: "late", timeoutMs };
      case "killed":
      case "aborted":
        return answer;
    }
  } catch (error) {
    return { kind: "missing", why: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Several questions, each answered with what git prints without the last line end, or undefined.
 * `answered`: git has said something each time, and be it no.
 */
export function gitQuestions(root: string, options: GitOptions) {
  let isAnswered = true;
  return {
    async ask(...args: string[]): Promise<string | undefined> {
      const answer = await runGit(root, args, options);
      isAnswered &&= answer.kind === "printed" || answer.kind === "failed";
      return answer.kind === "printed" ? answer.text.replace(/\n$/, "") : undefined;
    },
    answered: () => isAnswered,
  };
}

/** What git prints; undefined when it does not answer, or fails. */
export async function gitText(
  root: string,
  args: readonly string[],
  options: GitOptions,
): Promise<string | undefined> {
  const answer = await runGit(root, args, options);
  return answer.kind === "printed" ? answer.text : undefined;
}

/**
 * What git prints. Throws `GitError` when it fails or does not answer, and
 * `signal.reason` when aborted.
 */
export async function requireGit(
  root: string,
  args: readonly string[],
  options: GitOptions,
): Promise<string> {
  const answer = await runGit(root, args, options);
  if (answer.kind === "printed") return answer.text;
  if (answer.kind !== "failed") throw noAnswer(root, args, { answer, signal: options.signal });
  const { why, remedy } = inGitsWords(answer.said);
  throw new GitError(`\`git ${args[0]}\` failed in ${plain(root, 200)}: ${why}`, [
    ...remedy,
    tryIt(root, args),
  ]);
}

/**
 * Why git failed: what it calls fatal or an error, else its last line. `remedy`: the command that it
 * gives itself where it refuses a repository that is another user's (safe.directory, git-config(1)).
 */
export function inGitsWords(said: string): { why: string; remedy: readonly Hint[] } {
  const lines = said.trim().split("\n");
  const line = lines.find((one) => /^(fatal|error): /.test(one)) ?? lines.at(-1) ?? "";
  const folder = /^\s*git config --global --add safe\.directory (.+)$/m.exec(said)?.[1]
    .replace(/^'(.*)'$/, "$1");
  return {
    why: plain(line, 300),
    remedy: folder === undefined ? [] : [{
      text: "if you trust what is in there",
      command: `git config --global --add safe.directory ${shellWord(folder)}`,
    }],
  };
}

/** Why git refuses to work in a repository, in its words: it is asked the plainest of questions. */
export async function whyRefused(
  root: string,
  options: GitOptions,
): Promise<ReturnType<typeof inGitsWords> | undefined> {
  const answer = await runGit(root, ["rev-parse", "--absolute-git-dir"], options);
  return answer.kind === "failed" ? inGitsWords(answer.said) : undefined;
}

/** What to throw when git has not answered: `GitError`, or the reason of the abort. */
export function noAnswer(
  root: string,
  args: readonly string[],
  { answer, signal }: {
    answer: Extract<GitAnswer, { kind: "missing" | "late" | "killed" | "aborted" }>;
    signal?: AbortSignal;
  },
): unknown {
  switch (answer.kind) {
    case "aborted":
      return signal?.reason;
    case "missing":
      return new GitError(`cannot run \`git\`: ${answer.why}`, [
        { text: "see whether it is there", command: "git --version" },
      ]);
    case "late":
      return new GitError(
        `git did not answer within ${answer.timeoutMs / 1000} s in ${plain(root, 200)} ` +
          `(\`git ${args[0]}\`)`,
        [tryIt(root, args)],
      );
    case "killed":
      return new GitError(
        `git was ended by ${answer.signal} in ${plain(root, 200)} (\`git ${args[0]}\`)`,
        [tryIt(root, args)],
      );
  }
}

function tryIt(root: string, args: readonly string[]) {
  return {
    text: "see what it does",
    command: ["git", "-C", root, ...args].map(shellWord).join(" "),
  };
}

/**
 * Nothing that may hold a key: whatever the repository's configuration makes git run (filters, hooks,
 * programs that sign) gets what git gets.
 */
export function gitEnvironment(
  { config = [], handOn = [], unattended = false }: Pick<
    GitOptions,
    "config" | "handOn" | "unattended"
  >,
): Readonly<Record<string, string>> {
  const all = allEnvironment();
  const known = new Set([...NO_SECRETS, ...OF_SIGNING]);
  if (unattended) { for (const name of WHERE_TO_ASK) known.delete(name); }
  const isHandedOn = (name: string) => known.has(name) || KEPT.test(name) || isNamed(name, handOn);
  const settings = [...callersSettings(all), ...config];
  const set = settings.flatMap(([name, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, name],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return {
    ...Object.fromEntries(Object.entries(all).filter(([name]) => isHandedOn(name))),
    ...settings.length > 0 && {
      GIT_CONFIG_COUNT: `${settings.length}`,
      ...Object.fromEntries(set),
    },
    // What a commit holds, and not what somebody has put in its place here alone (git-replace(1)).
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C.UTF-8",
    // It outranks every locale but C (gettext(3)).
    LANGUAGE: "",
  };
}

/** Settings in the caller's environment, but for those that servers are reached with: keys are among them. */
function callersSettings(all: Readonly<Record<string, string>>): (readonly [string, string])[] {
  const count = Math.min(Number(all.GIT_CONFIG_COUNT ?? 0) || 0, SETTINGS_MAX);
  return Array.from(
    { length: count },
    (_, i) => [all[`GIT_CONFIG_KEY_${i}`] ?? "", all[`GIT_CONFIG_VALUE_${i}`] ?? ""] as const,
  )
    .filter(([name]) => name !== "" && !/^(?:http|credential|url|remote|sendemail)\./i.test(name));
}
