/** What became of what a person had not committed, in words. Pure. */
import type { Whereabouts } from "../host/git/whereabouts.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Note } from "../store/model.ts";
import { listed } from "./undelivered.ts";

const YOURS = "yours, and not committed before: ";
const IN_COMMIT = "now in the commit ";
/** More commands than that nobody pastes. */
const COMMANDS_MAX = 5;

export const isOfPerson = ({ kind }: Pick<Note, "kind">) =>
  kind === "persons_file" || kind === "persons_file_committed";

/** A sentence for each that became of some of them, without a full stop. */
export function fateWords(
  fates: ReadonlyMap<string, Whereabouts>,
  root: string,
): readonly Pick<Note, "text" | "kind">[] {
  const git = `git -C ${shellWord(root)}`;
  const groups = new Map<string, Group>();
  for (const [file, fate] of fates) {
    const { key, ends, command, kind } = fateOf(file, fate, git, root);
    const group = groups.get(key) ?? { kind, files: [], ends, commands: [] };
    groups.set(key, group);
    group.files.push(file);
    if (command !== undefined && !group.commands.includes(command)) group.commands.push(command);
  }
  return [...groups.values()].map(({ kind, files, ends, commands }) => {
    const shown = commands.slice(0, COMMANDS_MAX).map((command) => `\`${command}\``).join(", ");
    return { kind, text: `${YOURS}${listed(files)}: ${ends}${shown}` };
  });
}

/** Files that became of in the same way. */
interface Group {
  kind: Note["kind"];
  files: string[];
  ends: string;
  commands: string[];
}

function fateOf(
  file: string,
  { commit, stash, blob }: Whereabouts,
  git: string,
  root: string,
): { key: string; kind: Note["kind"]; ends: string; command?: string } {
  if (commit && (commit.asItWas || !stash)) {
    const { id, asItWas } = commit;
    const ends =
      `${asItWas ? "" : "changed, and "}${IN_COMMIT}${id.slice(0, 12)}, so that a push ` +
      "takes it along; look at it with ";
    const kind = "persons_file_committed";
    return {
      key: `${asItWas} ${id}`,
      kind,
      ends,
      command: `${git} show --stat ${id.slice(0, 12)}`,
    };
  }
  const kind = "persons_file";
  if (stash) {
    const ends = `put away in \`${stash.name}\`; have it back with `;
    return { key: stash.id, kind, ends, command: `${git} stash apply ${stash.id.slice(0, 12)}` };
  }
  if (blob !== undefined) {
    const command = `${git} cat-file blob ${blob.slice(0, 12)} > ${shellWord(`${root}/${file}`)}`;
    return { key: "blob", kind, ends: "gone, and git still has it; have it back with ", command };
  }
  return { key: "gone", kind, ends: "gone, in no commit and in no stash" };
}
