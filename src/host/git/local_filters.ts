/** Programs that a repository's own configuration has git run when it only looks. */
import * as path from "node:path";
import { hasNoSubmodule, isUnset } from "./git_folder.ts";
import { runGit } from "./run_git.ts";
import { isRepository, submodulesIn } from "./work_tree.ts";

type Settings = readonly (readonly [string, string])[];
type Options = Omit<Parameters<typeof runGit>[2], "config">;

/** Of tools that are found on the PATH, where only the user puts programs: they do no more than convert. */
const KNOWN = /^("?git-lfs"?|"?git-crypt"?) [\w %.=-]+$/;

/**
 * Settings for a call that only looks, so that git runs no filter (gitattributes(5)) that the repository's own
 * configuration names, and which an agent can write there; none where git does not answer. Those of
 * the user's own configuration stay. Git looks into submodules with the same settings (2.39, measured), so
 * that those of their configurations are among them.
 */
export async function withoutLocalFilters(root: string, options: Options): Promise<Settings> {
  const own = await withoutOwnFilters(root, options);
  if (await hasNoSubmodule(root)) return own;
  const inner: Settings[] = [];
  for (const name of await submodulesIn(root, options).catch(() => [])) {
    // Without one of its own git would answer for the repository around it.
    if (!isRepository(root, name)) continue;
    inner.push(await withoutLocalFilters(path.join(root, name), options));
  }
  return [...own, ...inner.flat()];
}

async function withoutOwnFilters(root: string, options: Options): Promise<Settings> {
  if (isUnset(root, "filter")) return [];
  const names = String.raw`^filter\..*\.(clean|process|required)$`;
  const answer = await runGit(
    root,
    ["config", "--show-scope", "--null", "--get-regexp", names],
    options,
  );
  if (answer.kind !== "printed") return [];
  const fields = answer.text.split("\0");
  const found = Array.from({ length: Math.floor(fields.length / 2) }, (_, i) => {
    const [name, ...value] = fields[2 * i + 1].split("\n");
    return { scope: fields[2 * i], name, value: value.join("\n") };
  });
  const filterOf = (name: string) => name.slice(0, name.lastIndexOf("."));
  const local = found.filter(({ scope, name, value }) =>
    (scope === "local" || scope === "worktree") && !name.endsWith(".required") && !KNOWN.test(value)
  );
  return [...new Set(local.map(({ name }) => filterOf(name)))].flatMap((filter) => [
    [`${filter}.clean`, ""] as const,
    [`${filter}.process`, ""] as const,
    [`${filter}.required`, "false"] as const,
  ]);
}
