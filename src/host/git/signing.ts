/** Whether commits can be signed while nobody is there, where they are to be. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { fileExists } from "../files/read_file.ts";
import { FATAL, unmendable } from "./commit_refusal.ts";
import { askExactly } from "../process/ask.ts";
import { gitEnvironment, gitText, runGit } from "./run_git.ts";

/** A key on a card waits for a touch, and an agent of keys for a passphrase: nobody is there for either. */
const SIGN_MS = 10_000;

interface Unsigned {
  /** It fails for want of a program or a key, and not for want of a person to ask. */
  isSure: boolean;
}

/**
 * Signs the commit that is checked out anew: that leaves an object that nothing names, which git removes
 * in its time. No terminal and no desktop is there to ask on. Undefined when that works, is not
 * known, or no commit is to be signed.
 */
export async function whyUnsigned(
  root: string,
  { clock, signal }: { clock: Clock; signal?: AbortSignal },
): Promise<Unsigned | undefined> {
  const wanted = ["config", "--type=bool", "--get", "commit.gpgsign"];
  if ((await gitText(root, wanted, { clock, signal }))?.trim() !== "true") return undefined;
  const named = await programsNamedThere(root, { clock, signal });
  if (named.size > 0) {
    const format = await gitText(root, ["config", "--get", "gpg.format"], { clock, signal });
    const program = named.get(`gpg.${format?.trim() ?? "openpgp"}.program`) ??
      (format === undefined ? named.get("gpg.program") : undefined);
    return program !== undefined && isMissing(program) ? { isSure: true } : undefined;
  }
  const answer = await runGit(root, ["commit-tree", "-S", "-m", "ralph: can it be signed?", TREE], {
    clock,
    signal,
    changes: true,
    unattended: true,
    timeoutMs: SIGN_MS,
  });
  if (answer.kind !== "failed" && answer.kind !== "late") return undefined;
  // Whatever its exit code: no hook of anybody's speaks here.
  const isUnsigned = answer.kind === "late" ||
    unmendable({ ...answer, code: FATAL }, root)?.kind === "signing";
  if (!isUnsigned) return undefined;
  const isSure = answer.kind === "failed" &&
    (!PERHAPS_ASKED.test(answer.said) || await hasNoKey(root, { clock, signal }));
  return { isSure };
}

const TREE = "HEAD^{tree}";

/** What the repository's own configuration has git run to sign: an agent may have written it, so it is not run. */
async function programsNamedThere(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  const names = String.raw`^gpg\.(.*\.)?(program|defaultkeycommand)$`;
  const args = ["config", "--show-scope", "--null", "--get-regexp", names];
  const fields = (await gitText(root, args, options))?.split("\0") ?? [];
  const named = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name, ...value] = fields[i + 1].split("\n");
    if (fields[i] === "local" || fields[i] === "worktree") named.set(name, value.join("\n"));
  }
  return named;
}

const isMissing = (program: string) => path.isAbsolute(program) && !fileExists(program);

/** gpg, of which git 2.39 hands on no words, and programs that ask for a passphrase, or say nothing. */
const PERHAPS_ASKED = /gpg failed to sign the data|passphrase|^error: \n/m;

/** Whether gpg has no such key, as git would name it to it (gpg-interface.c of git 2.39). */
async function hasNoKey(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<boolean> {
  const ask = async (...args: string[]) => (await gitText(root, args, options))?.trim();
  const [format, ofFormat, program = "gpg", key, committer] = await Promise.all([
    ask("config", "--get", "gpg.format"),
    ask("config", "--type=path", "--get", "gpg.openpgp.program"),
    ask("config", "--type=path", "--get", "gpg.program"),
    ask("config", "--get", "user.signingkey"),
    ask("var", "GIT_COMMITTER_IDENT"),
  ]);
  const name = key ?? committer?.replace(/ \d+ [+-]\d{4}$/, "");
  if (format !== undefined && format !== "openpgp" || name === undefined) return false;
  const listing = [ofFormat ?? program, "--batch", "--list-secret-keys", "--", name];
  const listed = await askExactly(listing, {
    ...options,
    env: gitEnvironment({ unattended: true }),
    clearEnv: true,
    timeoutMs: SIGN_MS,
  });
  return listed.kind === "missing" || listed.kind === "ended" && listed.code !== 0;
}
