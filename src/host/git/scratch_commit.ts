/** Commits in a copy of a project (`scratch_tree.ts`), of which the original sees nothing. */
import type { Clock } from "../../clock.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { runGit } from "./run_git.ts";

/**
 * Makes the last commit of the copy have these files as they are there now, with its own message and parents:
 * what asks git there whether all is committed is not answered by what was put into the copy. Nothing of the
 * repository's hooks, keys and filters is run. Where git cannot do that, the copy stays as it is.
 */
export async function amendInCopy(
  root: string,
  { files, ...options }: { files: readonly string[]; clock: Clock; signal?: AbortSignal },
): Promise<void> {
  const config = [
    ...await withoutLocalFilters(root, options),
    ["core.hooksPath", "/dev/null"] as const,
    ["commit.gpgsign", "false"] as const,
  ];
  const input = files.map((file) => `${file}\0`).join("");
  const named = ["--pathspec-from-file=-", "--pathspec-file-nul"];
  for (
    const args of [
      ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"],
      [
        "commit",
        "--quiet",
        "--amend",
        "--no-edit",
        "--no-verify",
        "--allow-empty",
        "--only",
        ...named,
      ],
    ]
  ) {
    const call = { ...options, config, input, changes: true };
    const answer = await runGit(root, ["--literal-pathspecs", ...args], call);
    if (answer.kind !== "printed") return;
  }
}
