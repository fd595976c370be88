/** The doctor's probes of the OpenCode server: what they make there, they delete again. */
import { sleep } from "../../clock.ts";
import type { Asked, Names, ServerProbes } from "../../doctor/probes.ts";
import { startedLately } from "../../doctor/unit_facts.ts";
import type { Systemd } from "../../host/system/systemd.ts";
import type { Health, OpenCode } from "../../opencode/client.ts";
import { type ClientOptions, createClient } from "../../opencode/connect.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { followEvents } from "../../opencode/events.ts";
import { once } from "../../once.ts";
import type { Context } from "../../app/context.ts";
import { modelsOf } from "../../app/models.ts";
import { emptyFolder } from "./empty_folder.ts";
import { hasWorkerIn } from "./store.ts";
import { tinyTurn } from "./tiny_turn.ts";

/**
 * A server that systemd has just started answers after 1 to 4 s (1.1.53, 1.18.33, measured), on a
 * busy machine later.
 */
const STARTING_MS = 15_000;
const EVENT_MS = 2_000;
/** The first request in a folder has the server load a lot (1.18.33, measured). */
const REQUEST_MS = 15_000;

export function serverProbes(
  context: Context,
  { connection, names, root, systemd, model, agent }: ServerOrder,
): ServerProbes {
  const at = (directory: string) =>
    createClient({ ...connection, directory, requestTimeoutMs: REQUEST_MS });
  // For what is asked of no folder: this one need not be there.
  const nowhere = at(names.stateFolder);
  // Any other request has the server load the folder that it names, and run what that brings along.
  const inEmpty = once(() => at(emptyFolder(context, names.home)));
  return {
    health: once(() => asked(() => healthWhenStarted(context, nowhere, systemd))),
    isOpen: once(() => isOpen(connection, nowhere.directory)),
    roundTrip: once(() => roundTrip(context, inEmpty)),
    models: once(() => asked(() => modelsOf(inEmpty(), { model, agent }))),
    keyVariables: (providerId) => asked(() => inEmpty().keyVariables(providerId)),
    denials: once(() => asked(() => inEmpty().denials())),
    waiting: once(async () =>
      root !== undefined && hasWorkerIn(context, { root, serverUrl: connection.url })
        ? await asked(() => waitingIn(at(root)))
        : undefined
    ),
    turn: once(() => asked(() => tinyTurn(context, { client: inEmpty(), model }))),
  };
}

interface ServerOrder {
  connection: Omit<ClientOptions, "directory">;
  names: Pick<Names, "home" | "stateFolder">;
  /** The project's. */
  root?: string;
  systemd: Systemd;
  model?: string;
  agent?: string;
}

/** Whether a server that answers with the password does so without. */
async function isOpen(
  { password: _, ...connection }: ServerOrder["connection"],
  directory: string,
): Promise<boolean> {
  const reply = await asked(() => createClient({ ...connection, directory }).health());
  return "value" in reply;
}

async function waitingIn(client: OpenCode) {
  const [permissions, questions, busy] = await Promise.all([
    client.permissions(),
    client.questions(),
    client.busy(),
  ]);
  // An abort leaves its requests behind forever (measured): only who works can wait.
  return {
    permissions: permissions.filter(({ sessionId }) => busy.has(sessionId)),
    questions: questions.filter(({ sessionId }) => busy.has(sessionId)),
  };
}

async function healthWhenStarted(
  { clock }: Context,
  client: OpenCode,
  systemd: Systemd,
): Promise<Health> {
  const end = clock.monotonic() + STARTING_MS;
  for (;;) {
    try {
      return await client.health();
    } catch (error) {
      const mayStart = error instanceof OpenCodeError &&
        (error.problem === "unreachable" || error.problem === "timeout");
      if (!mayStart || clock.monotonic() >= end) throw error;
      if (!startedLately(await systemd.unit(), clock.now())) throw error;
      await sleep(clock, 200);
    }
  }
}

/** An OpenCode session made, found, announced by an event, and deleted again. */
async function roundTrip(
  { clock }: Context,
  clientIn: () => OpenCode,
): ReturnType<ServerProbes["roundTrip"]> {
  const opened = await asked(() => Promise.resolve(clientIn()));
  if ("error" in opened) return { session: opened, event: opened };
  const client = opened.value;
  const title = `ralph doctor ${clock.now()}`;
  const over = new AbortController();
  const heard = new Set<string>();
  const arrived = Promise.withResolvers<void>();
  let wanted: string | undefined;
  const stream = followEvents({
    client,
    clock,
    signal: over.signal,
    onEvent(event) {
      if (event.type !== "session") return;
      heard.add(event.session.id);
      if (event.session.id === wanted) arrived.resolve();
    },
  });
  try {
    const isOpen = await stream.connected(EVENT_MS);
    const session: Asked<void> = await asked(async () => {
      const made = await client.createSession({ title });
      wanted = made.id;
      if (heard.has(made.id)) arrived.resolve();
      try {
        const listed = await client.sessions();
        if (!listed.some(({ id }) => id === made.id)) {
          throw new OpenCodeError("malformed", "the server does not list the session that it made");
        }
        if (isOpen) await Promise.race([arrived.promise, sleep(clock, EVENT_MS, over.signal)]);
      } finally {
        await client.deleteSession(made.id);
      }
    });
    const event: Asked<boolean> = { value: wanted !== undefined && heard.has(wanted) };
    return { session, event };
  } finally {
    over.abort();
    await stream.closed;
  }
}

async function asked<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    if (error instanceof OpenCodeError) return { error };
    throw error;
  }
}
