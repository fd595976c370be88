/** What a turn has changed in how git works in the repository, in words. Pure. */
import type { GitSetup } from "../host/git/git_setup.ts";
import type { Note } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";

const SETUP = "how git works here was changed while a turn was at work: ";
const OFF = "hooks that ran before that turn are not run any more: ";

const LISTED_MAX = 10;
/** Those whose value says something, and is no secret: an address of a remote may have a key in it. */
const SHOWN = new Set(
  ["core.hookspath", "commit.gpgsign", "user.name", "user.email", "user.signingkey", "core.bare"]
    .concat(["core.autocrlf", "core.filemode", "core.excludesfile", "core.worktree"]),
);
/** What comes with a switch of branches, and with a submodule that is checked out. */
const USUAL = /^(branch|submodule)\./;

/** Such a note is for the end of a session, too. */
export const isOfSetup = ({ kind }: Pick<Note, "kind">) =>
  kind === "git_setup" || kind === "git_remote" || kind === "hooks_off";

/** Sentences without a full stop; none where nothing was changed, or is not known. */
export function setupChanges(
  before: GitSetup | undefined,
  after: GitSetup | undefined,
): readonly Pick<Note, "text" | "kind">[] {
  if (!before || !after) return [];
  const names = changed(before.settings, after.settings).filter((name) => !USUAL.test(name));
  const settings = names
    .map((name) =>
      settingWords(name, { was: before.settings.get(name), is: after.settings.get(name) })
    );
  const hooks = changed(before.hooks, after.hooks).map((name) => {
    const how = !after.hooks.has(name) ? "gone" : before.hooks.has(name) ? "changed" : "new";
    return `the hook \`${plain(name, 80)}\` is ${how}`;
  });
  const all = [...settings, ...hooks];
  const off = [...before.running].filter((name) => !after.running.has(name));
  const more = all.length - LISTED_MAX;
  const words = all.slice(0, LISTED_MAX).join(", ") + (more > 0 ? `, and ${more} more` : "");
  const kind = names.some((name) => name.startsWith("remote.")) ? "git_remote" : "git_setup";
  const hooksOff = off.map((name) => `\`${plain(name, 80)}\``).join(", ");
  return [
    ...all.length > 0 ? [{ kind, text: SETUP + words } as const] : [],
    ...off.length > 0 ? [{ kind: "hooks_off", text: OFF + hooksOff } as const] : [],
  ];
}

function changed(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

function settingWords(name: string, { was, is }: { was?: string; is?: string }): string {
  const shown = `\`${plain(name, 80)}\``;
  if (is === undefined) return `${shown} is gone`;
  if (SHOWN.has(name)) return `${shown} is \`${plain(is, 80)}\``;
  return `${shown} is ${was === undefined ? "new" : "another"}`;
}
