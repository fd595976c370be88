/** What a person says to a task: written down, and seen to be told where a turn is at work. */
import type { Context } from "../app/context.ts";
import { openUserStore } from "../app/store.ts";
import { sleep } from "../clock.ts";
import type { Session, Told } from "../store/model.ts";
import { isAlive, readAsIs } from "./liveness.ts";

/** A turn is looked at every 2 s at least (`loop/turn/completion.ts`), and then told. */
const TOLD_MS = 5_000;
const LOOK_MS = 50;

/**
 * Writes the words down, and waits for them to be handed over where a turn of `session` is at work. Told
 * undefined: they wait for a prompt, or for the turn where that did not take them within 5 s. `turnLeft`: a worker
 * that died has left one, which may be at work. Throws
 * `RalphError` (`conflict`) when too much waits already.
 */
export async function say(
  context: Context,
  { taskDir, session, text, forPrompt }: {
    taskDir: string;
    /** The task's latest; undefined when it has none. */
    session: Session | undefined;
    text: string;
    forPrompt: boolean;
  },
): Promise<{ id: number; told?: Told; turnWorks: boolean; turnLeft: boolean }> {
  const { clock } = context;
  const store = openUserStore(context);
  let id: number;
  try {
    id = store.addWord({ taskDir, text, forPrompt });
  } finally {
    store.close();
  }
  const end = clock.monotonic() + TOLD_MS;
  for (;;) {
    const told = session && toldOf(context, session, id);
    const isOpen = session !== undefined && !forPrompt && hasPrompt(context, session);
    const turnWorks = isOpen && isAlive(context, session);
    if (told || !turnWorks || clock.monotonic() >= end) {
      return { id, told, turnWorks, turnLeft: isOpen && !turnWorks };
    }
    await sleep(clock, LOOK_MS);
  }
}

function toldOf(context: Context, session: Session, id: number): Told | undefined {
  const words = readAsIs(context, (store) => store.wordsTold(session.id));
  return words?.find((word) => word.id === id)?.told ?? undefined;
}

/** Whether an agent of the session has a prompt of which nobody has recorded what came. */
function hasPrompt(context: Context, session: Session): boolean {
  const last = readAsIs(context, (store) => store.iterations(session.id).at(-1));
  return last?.outcome === null && last.promptedAt !== null;
}
