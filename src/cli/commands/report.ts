/** `ralph report [task]`: all of a task's sessions as one HTML file. */
import { Command } from "@commander-js/extra-typings";
import * as path from "node:path";
import { programOf } from "../../app/names.ts";
import { pathsOf } from "../../app/store.ts";
import { keyOf, readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { addFile, replaceFile } from "../../host/files/atomic_write.ts";
import { makePrivateFolder } from "../../host/files/paths.ts";
import { fileExists, openFile, readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { startApart } from "../../host/process/programs.ts";
import { reportOf } from "../../report/data.ts";
import { BEGINS_WITH } from "../../report/mark.ts";
import type { SessionRecord, StoryNow } from "../../report/model.ts";
import type { Session } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import { readPrd } from "../../task/prd_file.ts";
import { plain } from "../../terminal/plain.ts";
import { seeWhatItIs, shellWord } from "../../terminal/shell_word.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { withCommits } from "../output/commits_on_record.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("report")
    .addArgument(taskArgument("[task]"))
    .option("-o, --output <file>", "write it there (default: a file in ralph's own folder)")
    .option("--open", "open it in the browser")
    .option("--force", "replace what is at that place, also when it is no report of ralph's")
    .addHelpText(
      "after",
      `
Examples:
  ralph report my-feature --open          look at it
  ralph report my-feature -o night.html   to send it: one file that loads nothing`,
    )
    .action(async (task, { output, open = false, force = false }) => {
      done(await report(context, { task, output, open, force }));
    });
}

interface ReportOptions {
  task?: string;
  output?: string;
  open: boolean;
  force: boolean;
}

const ALL = 1_000_000;

async function report(
  context: CommandContext,
  { task, output, open, force }: ReportOptions,
): Promise<number> {
  const found = readSessions(context, {
    read(store) {
      const last = chooseAmong(context, store, task);
      // In a damaged database the list may lack it.
      const earlier = store.sessionsOf(last.taskDir, { limit: ALL })
        .filter(({ id }) => id !== last.id).toReversed();
      return [...earlier, last].map((session) => ({
        session,
        iterations: store.iterations(session.id),
        findings: store.findings(session.id),
        reviews: store.reviews(session.id),
      }));
    },
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, task);
  const last = found[found.length - 1].session;
  const file = output === undefined ? ownPlace(context, last) : path.resolve(context.cwd(), output);
  const place = { file, task: last.taskName, force };
  requireFree(place);
  const sessions: SessionRecord[] = await withCommits(found, context.clock);
  // d3 is of use here alone.
  const { reportHtml } = await import("../../report/html.ts");
  const text = reportHtml(reportOf({
    taskName: last.taskName,
    projectName: path.basename(last.projectRoot),
    sessions,
    stories: storiesNow(last),
    now: context.clock.now(),
  }));
  write(place, text);
  context.output.out.line(plain(file));
  if (open) await openInBrowser(context, file);
  return EXIT.done;
}

/** Not in the project: what is new there would count as the agent's work, and be committed by it. */
function ownPlace(context: CommandContext, session: Session): string {
  const { reports } = pathsOf(context);
  makePrivateFolder(reports);
  return path.join(reports, `${keyOf(session)}.html`);
}

/** Undefined where there is no PRD, or none that can be read now. */
function storiesNow({ taskDir, projectRoot }: Session): readonly StoryNow[] | undefined {
  try {
    const { prdPath } = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
    return prdPath === undefined ? undefined : readPrd(readFileIfAny, prdPath).stories;
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

/** Where a report goes. `task`: its name, for what can be done instead. */
interface Place {
  file: string;
  task: string;
  force: boolean;
}

/** Before the work, so that nobody waits for a refusal. Throws `RalphError` (`conflict`). */
function requireFree({ file, task, force }: Place): void {
  if (force || !fileExists(file) || isReport(file)) return;
  throw new RalphError(
    "conflict",
    `cannot write the report to ${plain(file, 300)}: what is there is no report of ralph's`,
    [
      seeWhatItIs(file),
      {
        text: "to replace it",
        command: `ralph report ${shellWord(task)} --force --output ${shellWord(file)}`,
      },
    ],
  );
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

function write(place: Place, text: string): void {
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
      [{ text: "see who may write there", command: `ls -ld ${shellWord(path.dirname(file))}` }],
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

/** What cannot open it says so at once; a browser may stay. */
const OPEN_MS = 2_000;

async function openInBrowser(context: CommandContext, file: string): Promise<void> {
  const name = Deno.build.os === "darwin" ? "open" : "xdg-open";
  const program = programOf(context, name);
  const code = program === undefined
    ? undefined
    : await startApart([program, file], { clock: context.clock, waitMs: OPEN_MS });
  if (program !== undefined && (code === undefined || code === 0)) return;
  const why = program === undefined
    ? `there is no program \`${name}\` on PATH`
    : `\`${name}\` ended with exit code ${code}`;
  throw new RalphError("failed", `the report is written, and cannot be opened: ${why}`, [
    { text: `open it yourself: file://${plain(encodeURI(file))}` },
  ]);
}
