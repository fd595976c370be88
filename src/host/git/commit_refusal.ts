/** Why git makes no commit, where nothing that is done to the work can change that. Pure. */
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";

interface Unmendable {
  kind: "room" | "not_writable" | "signing" | "filter";
  /** It completes a sentence, and ends with a command. */
  words: string;
}

/** The exit code of a `git commit` that fails itself; where a hook refuses it is 1. */
export const FATAL = 128;
const FULL = /No space left on device|Disk quota exceeded/;
const NOT_WRITABLE = new RegExp(
  "insufficient permission for adding an object|(Unable to create '|unable to create temporary file|" +
    "unable to append to|unable to write|cannot lock ref).*(Permission denied|Read-only file system)",
);
/** Names of hooks are in a message of the same form (githooks(5)). */
const NO_PROGRAM = /^fatal: cannot run (?!.*\bhooks\/)(.+): No such file or directory$/;
const UNSIGNED = new RegExp(
  "gpg failed to sign the data|either user\\.signingkey or gpg\\.ssh\\.defaultKeyCommand|" +
    "Couldn't load public key|No private key found|invalid value for 'gpg\\.format'|" +
    // Where the program that signs says it in its own words, or says nothing.
    "incorrect passphrase|^error: $|^fatal: failed to write commit object",
);
const FILTERED = /^fatal: .*: clean filter '(.+)' failed$/;
/** That ran, and refused what it was given: a notebook that is none, as an agent can mend. */
const FILTER_RAN = /^error: external filter .* failed (?!12[67]$)\d+$/m;
/** One that is asked for many files at once (`filter.<name>.process`) only hangs up. */
const HUNG_UP = /^fatal: the remote end hung up unexpectedly$/;

/**
 * `said`: what git, from 2.39 on, printed on its standard error while it took files in or committed them.
 * Undefined where a turn may mend it, as what a hook refuses.
 */
export function unmendable(
  { code, said }: { code: number; said: string },
  root: string,
): Unmendable | undefined {
  if (code !== FATAL) return undefined;
  const lines = said.split("\n").filter((line) => /^(fatal|error): /.test(line));
  const says = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  const git = `git -C ${shellWord(root)}`;
  const folder = `${shellWord(root)}/.git`;
  if (says(FULL)) {
    return { kind: "room", words: `the disk of the repository is full: see \`df -h ${folder}\`` };
  }
  if (says(NOT_WRITABLE)) {
    const words = `git's folder cannot be written: see whose it is with \`ls -la ${folder}\``;
    return { kind: "not_writable", words };
  }
  if (says(NO_PROGRAM) || says(UNSIGNED)) return { kind: "signing", words: signingWords(root) };
  const filter = lines.map((line) => FILTERED.exec(line)?.[1]).find((name) => name !== undefined);
  if (filter !== undefined && !FILTER_RAN.test(said)) {
    return { kind: "filter", words: filterWords(`filter.${filter}`, git) };
  }
  if (says(HUNG_UP)) return { kind: "filter", words: filterWords("filter", git) };
  return undefined;
}

/** A command of git's that signs, and changes nothing. */
export const SIGNS = "commit-tree -S -m test 'HEAD^{tree}'";

/** How commits come to be signed again, or to need no signature. */
function signingWords(root: string): string {
  const git = `git -C ${shellWord(root)}`;
  return `commits are to be signed (commit.gpgsign), and cannot be: mend it until \`${git} ${SIGNS}\` ` +
    `prints a commit, or do without by \`${git} config commit.gpgsign false\``;
}

function filterWords(name: string, git: string): string {
  return `a filter that is required cannot be run: install the program that \`${git} config ` +
    `--get-regexp ${
      shellWord(`^${plain(name, 80).replaceAll(".", "\\.")}`)
    }\` names, such as git-lfs`;
}
