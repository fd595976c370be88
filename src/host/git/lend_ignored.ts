/**
 * What git ignores, such as dependencies, for a checkout in another place. Folders are made anew there, with
 * second names of their files (link(2)): a mere link to a folder would lead what runs there back to the
 * original, by the links of workspaces and by the real path of each file, and bundlers refuse one that
 * leads out of the project.
 */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { mapInTurns } from "../../event_loop.ts";
import { linkInCopy } from "../files/file_state.ts";
import { fileExists, textOf } from "../files/read_file.ts";
import { askExactly } from "../process/ask.ts";
import { IGNORED_COPY_BYTES_MAX, removeTree } from "./scratch_tree.ts";

interface Places {
  root: string;
  target: string;
}

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/** Folders of one checkout that take longer are linked: 100,000 files take 1.1 s of CPU (measured). */
const COPY_MS = 60_000;
/**
 * Links, and the small files by which Python finds others by their whole path: of packages that are installed
 * for editing (site(1), PEP 660), and the scripts of an environment, which begin with that of its Python.
 */
const WHAT_LEADS = ["-type", "l", "-print0", "-o", "-type", "f", "-size", "-65536c", "("]
  .concat("-name", "*.pth", "-o", "-name", "*.egg-link", "-o", "-name", "__editable__*.py")
  .concat("-o", "-path", "*/bin/*", ")", "-print0");

/**
 * Puts `names`, files and folders below `root`, to the same places below `target`; what is there by now, or
 * gone from `root`, is let be. What cannot be there as files of its own, as on another disk, is linked.
 * Throws `signal.reason` when aborted.
 */
export async function lendIgnored(
  names: readonly string[],
  places: Places,
  options: Options,
): Promise<void> {
  const folders: string[] = [];
  for (const name of names) {
    const [from, to] = [path.join(places.root, name), path.join(places.target, name)];
    if (fileExists(to) || !fileExists(from)) continue;
    Deno.mkdirSync(path.dirname(to), { recursive: true });
    const { isFile, isDirectory, size } = Deno.lstatSync(from);
    if (isDirectory) folders.push(name);
    else if (isFile && size <= IGNORED_COPY_BYTES_MAX) Deno.copyFileSync(from, to);
    else Deno.symlinkSync(from, to);
  }
  const byPlace = Map.groupBy(folders, (name) => path.dirname(name));
  for (const [place, inIt] of byPlace) await makeAnew(inIt, { ...places, place }, options);
}

async function makeAnew(
  names: readonly string[],
  { place, root, target }: Places & { place: string },
  options: Options,
): Promise<void> {
  const from = names.map((name) => path.join(root, name));
  const to = names.map((name) => path.join(target, name));
  const isCopied = await run(["cp", "-al", "--", ...from, path.join(target, place)], options);
  const found = isCopied === undefined
    ? undefined
    : await run(["find", ...to, ...WHAT_LEADS], options);
  if (found !== undefined) {
    const files = found.split("\0").filter(Boolean);
    const named = new RegExp(`${RegExp.escape(root)}(?=[/\\s"']|$)`, "g");
    await mapInTurns(files, (file) => lead(file, { root, target, named }), options.signal);
    return;
  }
  for (const [i, folder] of to.entries()) {
    await removeTree(folder);
    Deno.symlinkSync(from[i], folder);
  }
}

/** What the program printed; undefined when it could not do its work. */
async function run(
  command: readonly string[],
  { clock, signal }: Options,
): Promise<string | undefined> {
  const answer = await askExactly(command, { clock, signal, timeoutMs: COPY_MS });
  signal?.throwIfAborted();
  return answer.kind === "ended" && answer.code === 0 ? answer.stdout : undefined;
}

/** What leads into the original leads into the copy. `named`: the original's path, in a text. */
function lead(file: string, { root, target, named }: Places & { named: RegExp }): void {
  const { isSymlink, mode } = Deno.lstatSync(file);
  if (isSymlink) {
    const led = Deno.readLinkSync(file);
    const leads = linkInCopy(led, { file: path.relative(target, file), root, target });
    if (leads === led) return;
    Deno.removeSync(file);
    return Deno.symlinkSync(leads, file);
  }
  const text = textOf(file);
  // A file of its own: by its second name the original's would be written.
  const changed = text?.replaceAll(named, () => target);
  if (changed === undefined || changed === text) return;
  Deno.removeSync(file);
  Deno.writeTextFileSync(file, changed, { mode: mode ?? undefined });
}
