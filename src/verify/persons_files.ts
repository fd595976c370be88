/** What became of what a person had not committed, in words. Pure. */
import type { Whereabouts } from "../host/git/whereabouts.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { listed } from "./undelivered.ts";

/** So begins each, and no other note does: by that it is found again. */
const YOURS = "yours, and not committed before: ";
const IN_COMMIT = "now in the commit ";
/** More commands than that nobody pastes. */
const COMMANDS_MAX = 5;

export const isOfPerson = (note: string) => note.startsWith(YOURS);

/** Something of a person's is in a commit that was not meant for it. */
export const isInCommit = (note: string) => isOfPerson(note) && note.includes(IN_COMMIT);

/** A sentence for each that became of some of them, without a full stop. */
export function fateWords(
  fates: ReadonlyMap<string, Whereabouts>,
  root: string,
): readonly string[] {
  const git = `git -C ${shellWord(root)}`;
  const groups = new Map<string, { files: string[]; ends: string; commands: string[] }>();
  for (const [file, fate] of fates) {
    const { key, ends, command } = fateOf(file, fate, git, root);
    const group = groups.get(key) ?? { files: [], ends, commands: [] };
    groups.set(key, group);
    group.files.push(file);
    if (command !== undefined && !group.commands.includes(command)) group.commands.push(command);
  }
  return [...groups.values()].map(({ files, ends, commands }) => {
    const shown = commands.slice(0, COMMANDS_MAX).map((command) => `\`${command}\``).join(", ");
    return `${YOURS}${listed(files)}: ${ends}${shown}`;
  });
}

function fateOf(
  file: string,
  { commit, stash, blob }: Whereabouts,
  git: string,
  root: string,
): { key: string; ends: string; command?: string } {
  if (commit && (commit.asItWas || !stash)) {
    const { id, asItWas } = commit;
    const ends =
      `${asItWas ? "" : "changed, and "}${IN_COMMIT}${id.slice(0, 12)}, so that a push ` +
      "takes it along; look at it with ";
    return { key: `${asItWas} ${id}`, ends, command: `${git} show --stat ${id.slice(0, 12)}` };
  }
  if (stash) {
    const ends = `put away in \`${stash.name}\`; have it back with `;
    return { key: stash.id, ends, command: `${git} stash apply ${stash.id.slice(0, 12)}` };
  }
  if (blob !== undefined) {
    const command = `${git} cat-file blob ${blob.slice(0, 12)} > ${shellWord(`${root}/${file}`)}`;
    return { key: "blob", ends: "gone, and git still has it; have it back with ", command };
  }
  return { key: "gone", ends: "gone, in no commit and in no stash" };
}
