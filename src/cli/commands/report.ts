/** `ralph report [task]`: all of a task's sessions as one HTML file. */
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import * as path from "node:path";
import { programOf } from "../../app/names.ts";
import { pathsOf } from "../../app/store.ts";
import { keyOf, readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { makePrivateFolder } from "../../host/files/paths.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { startApart } from "../../host/process/programs.ts";
import { reportOf } from "../../report/data.ts";
import type { SessionRecord, StoryNow } from "../../report/model.ts";
import type { Session } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import { readPrd } from "../../task/prd_file.ts";
import { plain } from "../../terminal/plain.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { withCommits } from "../output/commits_on_record.ts";
import { type Place, requireFree, writeReport } from "../output/report_file.ts";
import { chooseAmong, nothingRecorded } from "../select/sessions.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("report")
    .addArgument(taskArgument("[task]"))
    .addOption(
      new Option(
        "-o, --output <file>",
        "write it there, with - to the standard output " +
          "(default: a file in ralph's own folder)",
      ).argParser(named),
    )
    .option("--open", "open it in the browser")
    .option("--force", "replace the file at that place, also when it is no report of ralph's")
    .addHelpText(
      "after",
      `
Examples:
  ralph report my-feature --open          look at it
  ralph report my-feature -o night.html   to send it: one file that loads nothing`,
    )
    .action(async (task, { output, open = false, force = false }) => {
      if (open && output === "-") {
        throw new RalphError("usage", "`--open` needs a file, and `--output -` writes none");
      }
      done(await report(context, { task, output, open, force }));
    });
}

/** Throws `InvalidArgumentError` for no name at all, such as that of an empty variable. */
function named(file: string): string {
  if (file === "") throw new InvalidArgumentError("It must name a file.");
  return file;
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
  const place = placeOf(context, last, { output, force });
  if (place) requireFree(place);
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
  const { out } = context.output;
  if (!place) {
    out.write(text);
    return EXIT.done;
  }
  writeReport(place, text);
  out.line(plain(place.file));
  if (open) await openInBrowser(context, place.file);
  return EXIT.done;
}

/** Undefined for the standard output. */
function placeOf(
  context: CommandContext,
  session: Session,
  { output, force }: { output?: string; force: boolean },
): Place | undefined {
  if (output === "-") return undefined;
  const file = output === undefined
    ? ownPlace(context, session)
    : path.resolve(context.cwd(), output);
  return { file, task: session.taskName, force };
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

/** What cannot open it says so at once; a browser may stay. */
const OPEN_MS = 2_000;

/** Variables one of which is set where something can be shown. */
const DESKTOPS = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"];

async function openInBrowser(context: CommandContext, file: string): Promise<void> {
  const name = Deno.build.os === "darwin" ? "open" : "xdg-open";
  const program = programOf(context, name);
  const code = program === undefined
    ? undefined
    : await startApart([program, file], { clock: context.clock, waitMs: OPEN_MS });
  if (program !== undefined && (code === undefined || code === 0)) {
    // Without a desktop it may open a browser of the terminal, which has none here, and call that well.
    if (name === "xdg-open" && !DESKTOPS.some((one) => context.environment(one))) {
      context.warn(`there is no desktop here: if nothing opens, it is file://${encodeURI(file)}`);
    }
    return;
  }
  const why = program === undefined
    ? `there is no program \`${name}\` on PATH`
    : `\`${name}\` ended with exit code ${code}`;
  throw new RalphError("failed", `the report is written, and cannot be opened: ${why}`, [
    { text: `open it yourself: file://${plain(encodeURI(file))}` },
  ]);
}
