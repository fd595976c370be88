/** What git writes in a repository when it commits. */
import * as path from "node:path";
import { systemTree } from "../files/system_tree.ts";
import { textOf } from "../files/read_file.ts";
import { gitFolders } from "./git_folder.ts";

/**
 * The folders and files that a commit writes to, as far as they are there (gitrepository-layout(5)):
 * most files are put in place from their folder, logs and COMMIT_EDITMSG are opened (git 2.39, measured).
 */
export function writtenByGit(root: string): readonly string[] {
  const found = gitFolders(root);
  if (!found) return [];
  const { git, common } = found;
  const head = textOf(path.join(git, "HEAD")) ?? "";
  const branch = /^ref: (refs\/.+)\n$/.exec(head)?.[1] ?? "refs/heads";
  const objects = path.join(common, "objects");
  const folders = [
    git,
    common,
    objects,
    ...systemTree.list(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))
      .map((name) => path.join(objects, name)),
    ...["refs", "refs/heads", path.dirname(branch), "reftable"].map((one) =>
      path.join(common, one)
    ),
  ].filter((one) => systemTree.kind(one) === "directory");
  const files = [
    ...["COMMIT_EDITMSG", "logs/HEAD"].map((one) => path.join(git, one)),
    path.join(common, "logs", branch),
  ].filter((one) => systemTree.kind(one) === "file");
  return [...new Set([...folders, ...files])];
}
