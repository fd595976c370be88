/** The model for a command that plans: the server is there, what it does is shown, and what it cost. */
import { type Asking, askModel } from "../../app/ask_model.ts";
import { requireServer } from "../../app/require_server.ts";
import { clientAt } from "../../app/server_client.ts";
import { requireChoices } from "../../control/preflight.ts";
import { untilEnded } from "../../host/process/signals.ts";
import { narrator } from "../../loop/turn/narrator.ts";
import { knownUsage, type Usage } from "../../loop/turn/usage.ts";
import type { Settings } from "../../settings/settings.ts";
import { tokensOf } from "../../store/model.ts";
import { costWords } from "../../terminal/cost.ts";
import { plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { eventLines } from "../../worker/narration.ts";
import type { CommandContext } from "../command_context.ts";
import { exitCodeOfSignal } from "../exit_codes.ts";
import { warnOfCode } from "../output/warn_of_code.ts";

/** What came of it, or the exit code of a command that was stopped by a signal. */
type WithModel<T> = { value: T; usage: Usage; changed: readonly string[] } | {
  code: number;
};

/** Files that are named one by one. */
const FILES_MAX = 5;

/**
 * Hands `body` a model that can read the project and no more. `body` hands back undefined when it was
 * stopped. Says what it cost, and which files changed meanwhile. Throws `RalphError`.
 */
export async function withModel<T>(
  context: CommandContext,
  { root, settings, what }: { root: string; settings: Settings; what: string },
  body: (asking: Asking) => Promise<T | undefined>,
): Promise<WithModel<T>> {
  const { err } = context.output;
  const { server: url, serverOfProject: ofProject } = settings;
  const client = clientAt(context, { url, ofProject, directory: root });
  await requireServer(context, client);
  await requireChoices(client, settings);
  warnOfCode(context, { projectRoot: root });
  using ending = untilEnded(() =>
    err.line("stopping: the turn is being ended on the server; again to end at once")
  );
  const narrate = narrator({
    sessionId: "",
    projectRoot: root,
    emit(event) {
      if (event.type !== "tool" || !err.isTerminal) return;
      for (const line of eventLines({ ...event, subagent: false }, err.colors)) err.line(line);
    },
  });
  const asking = await askModel(context, {
    client,
    settings,
    what,
    signal: ending.signal,
    onEvent: narrate,
    onActivity: (text) => err.line(plain(text, 300)),
  });
  try {
    const value = await body(asking);
    if (value === undefined) {
      err.line("nothing was written");
      return { code: exitCodeOfSignal(ending.name ?? "SIGINT") };
    }
    return { value, usage: asking.used(), changed: await tellChanges(context, asking) };
  } finally {
    await asking.close();
    tellCost(context, asking.used());
  }
}

async function tellChanges(
  { warn }: CommandContext,
  asking: Asking,
): Promise<readonly string[]> {
  const files = await asking.changed();
  if (files === undefined) {
    warn("git cannot say whether the work tree is as it was before the model looked at it");
    return [];
  }
  if (files.length > 0) {
    const more = files.length - FILES_MAX;
    const names = files.slice(0, FILES_MAX).map((file) => plain(file, 100)).join(", ");
    warn(
      `the work tree changed while the model looked at it: ${names}` +
        `${
          more > 0 ? ` and ${more} more` : ""
        }; it may only read, so see whose that is: \`git status\``,
    );
  }
  return files;
}

function tellCost({ output: { err } }: CommandContext, used: Usage): void {
  if (used.modelCalls === 0 && used.complete) return;
  const known = knownUsage(used);
  err.line(
    known
      ? `cost: ${costWords(known)}, ${plural(known.modelCalls, "model call")}, ` +
        plural(tokensOf(known), "token")
      : "cost: unknown, since the server did not say all of it",
  );
}
