/** Where the doctor's questions to the server are scoped: a folder that gives it nothing to run. */
import * as path from "node:path";
import type { Context } from "../../app/context.ts";
import { pathsOf } from "../../app/store.ts";
import { RalphError } from "../../error.ts";
import { makePrivateFolder } from "../../host/files/paths.ts";
import { textOf } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { projectCode } from "../../opencode/project_code.ts";
import { plain } from "../../terminal/plain.ts";

/**
 * Makes ralph's own empty folder, and hands back its real path. OpenCode looks for code in the folders
 * above it too, up to the root of a git repository, or of the machine (1.18.33): throws `OpenCodeError`
 * where there is any but in the home folder, whose own every server loads.
 */
export function emptyFolder(context: Context, home: string): string {
  const { empty } = pathsOf(context);
  try {
    makePrivateFolder(empty);
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    throw new OpenCodeError("refused", error.message, { kind: "failed", hints: error.hints });
  }
  const folder = systemTree.realPath(empty) ?? empty;
  for (const root of foldersUpFrom(folder)) {
    if (root === systemTree.realPath(home)) continue;
    const [code] = projectCode({ root, list: systemTree.list, readText: textOf });
    if (code === undefined) continue;
    throw new OpenCodeError(
      "refused",
      `the doctor asks nothing from ${plain(folder, 200)}: the server would run what is in ` +
        `${plain(root, 200)} (${code})`,
      {
        kind: "failed",
        hints: [{
          text: "let ralph's folder be elsewhere",
          command: "export XDG_STATE_HOME=~/.local/state",
        }],
      },
    );
  }
  return folder;
}

function foldersUpFrom(folder: string): readonly string[] {
  const parent = path.dirname(folder);
  const isTop = parent === folder || systemTree.list(folder).includes(".git");
  return isTop ? [folder] : [folder, ...foldersUpFrom(parent)];
}
