/** What differs between a commit and the work tree, as patches: what a reviewer is shown. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { textOf } from "../files/read_file.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { gitText, WORK_TREE_MS } from "./run_git.ts";

interface FilePatch {
  path: string;
  /** As `git diff` prints it, the line `diff --git …` included. Not safe to print. */
  patch: string;
}

/** What is larger is shown by its name alone: git takes it for binary (git-config(1)). */
const SHOWN = [["core.bigFileThreshold", "512k"], ["core.quotePath", "false"]] as const;
const NEW_FILE_MAX = 512 * 1024;
/** Files that git does not know, and does not ignore either: more are named by no reviewer. */
const NEW_FILES_MAX = 300;
const ID = /^[0-9a-f]{40,64}$/;
/** git-diff(1): no setting or attribute of the repository has a program run, or changes the form. */
const PLAINLY = ["--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"]
  .concat("--submodule=short", "--ignore-submodules=none");

/**
 * The changes since the commit `since`; since before the first one, where it is undefined. Files that git
 * does not know are among them. `ignore`: files and folders, relative to the root, that are left out.
 * Undefined when git cannot say, or not in time. Nothing of the repository is written.
 */
export async function changesSince(
  root: string,
  { clock, signal, since, ignore }: {
    clock: Clock;
    signal?: AbortSignal;
    since: string | undefined;
    ignore: readonly string[];
  },
): Promise<readonly FilePatch[] | undefined> {
  const limits = { clock, signal, timeoutMs: WORK_TREE_MS };
  const base = since ?? await emptyTree(root, { clock, signal });
  if (base === undefined || !ID.test(base)) return undefined;
  const config = [...await withoutLocalFilters(root, { clock, signal }), ...SHOWN];
  const places = ["--", ".", ...ignore.map((place) => `:(exclude,literal)${place}`)];
  const diff = (form: string[]) =>
    gitText(root, ["diff", ...PLAINLY, ...form, base, ...places], { ...limits, config });
  const [names, patches, unknown] = await Promise.all([
    diff(["--name-only", "-z"]),
    diff(["--patch"]),
    gitText(root, ["ls-files", "-z", "--others", "--exclude-standard", ...places], limits),
  ]);
  if (names === undefined || patches === undefined || unknown === undefined) return undefined;
  const known = names.split("\0").filter(Boolean);
  const texts = sectionsOf(patches);
  if (known.length !== texts.length) return undefined;
  const fresh = unknown.split("\0").filter((file) => file !== "" && !file.endsWith("/"));
  return [
    ...known.map((file, i) => ({ path: file, patch: texts[i] })),
    ...fresh.slice(0, NEW_FILES_MAX).map((file) => ({ path: file, patch: newFile(root, file) })),
  ];
}

/** By file. No line of a patch begins so but the one that begins it; git ends lines with `\n` alone. */
function sectionsOf(patches: string): readonly string[] {
  const texts: string[] = [];
  for (const text of patches.split(/(?<=\n)(?=diff --git )/)) {
    const [head] = text.split("\n", 1);
    const before = texts.at(-1);
    // A file that became a link, or a link a file, has two with one name.
    if (before?.split("\n", 1)[0] === head) texts[texts.length - 1] = before + text;
    else if (head.startsWith("diff --git ")) texts.push(text);
  }
  return texts;
}

async function emptyTree(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<string | undefined> {
  return (await gitText(root, ["hash-object", "-t", "tree", "--stdin"], options))?.trim();
}

/** Of a file that git does not know: as git would show it, once added. Links are not followed. */
function newFile(root: string, file: string): string {
  const head = `diff --git a/${file} b/${file}\nnew file\n`;
  const text = contentOf(path.join(root, file));
  if (text === undefined) return `${head}Binary file, or too large to be shown\n`;
  const lines = text.replace(/\n$/, "").split("\n");
  const body = lines.map((line) => `+${line}\n`).join("");
  return `${head}--- /dev/null\n+++ b/${file}\n@@ -0,0 +1,${lines.length} @@\n${body}`;
}

function contentOf(file: string): string | undefined {
  try {
    const info = Deno.lstatSync(file);
    if (info.isSymlink) return `link to ${Deno.readLinkSync(file)}`;
    if (!info.isFile || info.size > NEW_FILE_MAX) return undefined;
    const text = textOf(file);
    return text?.includes("\0") ? undefined : text;
  } catch {
    return undefined; // it has gone meanwhile
  }
}
