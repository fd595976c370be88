/** Where what stood in a file is now, that was in no commit and is not in the work tree any more. */
import type { Clock } from "../../clock.ts";
import { gitText } from "./run_git.ts";
import type { TreeState } from "./tree_state.ts";

export interface Whereabouts {
  /** A commit since then has changed the file; `asItWas`: to what stood there. */
  commit?: { id: string; asItWas: boolean };
  /** The stash that has it, by its name and its commit. */
  stash?: { name: string; id: string };
  /** What git still has of it, by its id. */
  blob?: string;
}

/** Of the latest ones: what a turn has put away is in the first. */
const STASHES_MAX = 3;
/** More files than a person has open at once are not looked for. */
const FILES_MAX = 200;

/** `files`: as they are in `before`, which is not in the work tree any more. Undefined when git cannot say. */
export async function whereabouts(
  root: string,
  { files, before, after }: { files: readonly string[]; before: TreeState; after: TreeState },
  options: { clock: Clock; signal?: AbortSignal },
): Promise<ReadonlyMap<string, Whereabouts> | undefined> {
  const asked = files.filter((file) => !file.includes("\n")).slice(0, FILES_MAX);
  const blobOf = (file: string) =>
    /:([0-9a-f]{40,64})$/.exec(before.changed.get(file)?.now ?? "")?.[1];
  const [listed, commits] = await Promise.all([
    gitText(root, ["stash", "list", `--max-count=${STASHES_MAX}`, "--format=%H"], options),
    commitsOf(root, { files: asked, before, after }, options),
  ]);
  const stashes = (listed ?? "").split("\n").filter(Boolean);
  // The third parent has what git did not know (git-stash(1)).
  const places = ["HEAD", ...stashes.flatMap((id) => [id, `${id}^3`])];
  const lines = asked.flatMap((file) => [
    blobOf(file) ?? "none",
    ...places.map((place) => `${place}:${file}`),
  ]);
  const printed = await gitText(root, ["cat-file", "--batch-check=%(objectname)"], {
    ...options,
    input: lines.map((line) => `${line}\n`).join(""),
  });
  if (printed === undefined || commits === undefined) return undefined;
  const answers = printed.split("\n");
  return new Map(asked.map((file, i) => {
    const blob = blobOf(file);
    const [kept, head, ...inStashes] = answers.slice(i * (places.length + 1));
    const found = inStashes.slice(0, stashes.length * 2).indexOf(blob ?? "-");
    const at = Math.floor(found / 2);
    const id = commits.get(file);
    return [file, {
      commit: id === undefined ? undefined : { id, asItWas: blob !== undefined && head === blob },
      stash: found < 0 ? undefined : { name: `stash@{${at}}`, id: stashes[at] },
      blob: blob !== undefined && kept === blob ? blob : undefined,
    }];
  }));
}

/** The last commit in between that has changed each file. */
async function commitsOf(
  root: string,
  { files, before, after }: { files: readonly string[]; before: TreeState; after: TreeState },
  options: { clock: Clock; signal?: AbortSignal },
): Promise<ReadonlyMap<string, string> | undefined> {
  if (before.head === after.head || after.head === undefined) return new Map();
  const range = before.head === undefined ? after.head : `${before.head}..${after.head}`;
  const printed = await gitText(root, [
    ...["--literal-pathspecs", "log", "--format=%x01%H", "--name-only", "--no-renames", "-z"],
    ...["-c", "--no-show-signature", "--no-color", range, "--", ...files],
  ], { ...options, config: [["log.showRoot", "true"]] });
  if (printed === undefined) return undefined;
  const found = new Map<string, string>();
  let id = "";
  for (const field of printed.split("\0")) {
    const text = field.replace(/^\n/, "");
    if (text.startsWith("\x01")) id = text.slice(1);
    else if (text !== "" && !found.has(text)) found.set(text, id);
  }
  return found;
}
