/** Where `ralph report` writes to, and what it replaces. */
import * as path from "node:path";
import { whyNotWritten } from "../../host/files/why_not_written.ts";
import { RalphError } from "../../error.ts";
import { addFile, replaceFile } from "../../host/files/atomic_write.ts";
import { fileExists, openFile } from "../../host/files/read_file.ts";
import { BEGINS_WITH } from "../../report/mark.ts";
import { plain } from "../../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../../terminal/shell_word.ts";

/** Where a report goes. `task`: its name, for what can be done instead. */
export interface Place {
  file: string;
  task: string;
  force: boolean;
}

/**
 * Before the work, so that nobody waits for a refusal. Throws `RalphError`: `conflict` for what is no
 * report, which `force` replaces if it is a file; `failed` where there is no folder for it.
 */
export function requireFree({ file, task, force }: Place): void {
  const to = `cannot write the report to ${plain(file, 300)}`;
  const folder = path.dirname(file);
  if (!fileExists(folder)) {
    throw new RalphError("failed", `${to}: there is no folder ${plain(folder, 300)}`, [
      { text: "make it", command: `mkdir -p ${shellWord(folder)}` },
    ]);
  }
  const kind = kindOf(file);
  if (kind === undefined || isReport(file)) return;
  if (kind !== "file") {
    const inside = kind === "folder" ? path.join(file, "report.html") : "report.html";
    throw new RalphError("conflict", `${to}: what is there is a ${kind}, and no file`, [
      { text: "name a file", command: commandTo(task, inside) },
    ]);
  }
  if (force) return;
  throw new RalphError("conflict", `${to}: what is there is no report of ralph's`, [
    seeWhatItIs(file),
    { text: "to replace it", command: `${commandTo(task, file)} --force` },
  ]);
}

const commandTo = (task: string, file: string) =>
  `ralph report ${shellWord(task)} --output ${shellWord(file)}`;

/** A device that a file took the place of would be missed by the whole machine. */
function kindOf(file: string): "file" | "folder" | "device or pipe" | undefined {
  try {
    const { isFile, isSymlink, isDirectory } = Deno.lstatSync(file);
    return isFile || isSymlink ? "file" : isDirectory ? "folder" : "device or pipe";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A link is none, whatever it leads to. */
function isReport(file: string): boolean {
  try {
    using opened = openFile(file, { own: true });
    const start = opened?.readAt(0, BEGINS_WITH.length);
    return new TextDecoder().decode(start) === BEGINS_WITH;
  } catch {
    return false;
  }
}

export function writeReport(place: Place, text: string): void {
  const { file, force } = place;
  const content = new TextEncoder().encode(text);
  try {
    if (force || isReport(file)) return replaceFile(file, content);
    if (addWhereNothingIs(file, content)) return;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError(
      "failed",
      `cannot write the report to ${plain(file, 300)}: ${plain(reason, 300)}`,
      [whyNotWritten(file, error)],
      { cause: error },
    );
  }
  // Somebody has put it there meanwhile.
  requireFree(place);
}

/** Not every file system knows second names, as those of memory cards. */
function addWhereNothingIs(file: string, content: Uint8Array): boolean {
  try {
    return addFile(file, content);
  } catch (error) {
    if (fileExists(file) || !fileExists(path.dirname(file))) throw error;
    replaceFile(file, content);
    return true;
  }
}
