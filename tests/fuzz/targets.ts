/** Each parser that reads bytes which others wrote, and the errors that it may throw. */
import { createParser } from "eventsource-parser";
import { ZodError } from "zod";
import { RalphError } from "../../src/error.ts";
import { treeWithBranch } from "../../src/host/git/branch.ts";
import { statusFrom } from "../../src/host/git/tree_state.ts";
import { locksFrom } from "../../src/host/lock/proc_locks.ts";
import { bootIdFrom } from "../../src/host/system/boot.ts";
import { controlGroupFrom, listeningSockets } from "../../src/host/system/port.ts";
import { parseEnvironmentFile } from "../../src/host/system/server_env.ts";
import { readOwnership } from "../../src/loop/iteration/ownership.ts";
import { parseCleanStart } from "../../src/loop/session/kept_clean_start.ts";
import { storedSettings } from "../../src/loop/session/kept_settings.ts";
import { parseChoices } from "../../src/loop/session/setting_changes.ts";
import { parseTree } from "../../src/loop/session/tree_snapshot.ts";
import type { OpenCode } from "../../src/opencode/client.ts";
import { createV1Client } from "../support/v1_client.ts";
import { OpenCodeError } from "../../src/opencode/error.ts";
import { createEventDecoder } from "../../src/opencode/v1/schema.ts";
import { jsonIn } from "../../src/plan/answer.ts";
import { prdText, readDraft } from "../../src/plan/draft.ts";
import { readRevision, revisedPrd } from "../../src/plan/revise.ts";
import { readSettingsFile } from "../../src/settings/file.ts";
import { openPrd, openStories, parsePrd, restoreStates, setPasses } from "../../src/task/prd.ts";
import { isSame } from "../../src/verify/prd/prd_authors.ts";
import { guardPrd } from "../../src/verify/prd/prd_guard.ts";
import { readKept } from "../../src/verify/protected/kept_files.ts";
import { createVirtualClock } from "../support/fake_clock.ts";

export interface Target {
  /** Of the folder with its corpus. */
  readonly name: string;
  /** All that is read from the bytes: plain data. */
  readonly read: (bytes: Uint8Array) => unknown;
  readonly mayThrow: (error: unknown) => boolean;
}

const isOurs = (error: unknown) => error instanceof RalphError;
const never = () => false;
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const PLANNED = openPrd({
  path: "/p/prd.md",
  bytes: new TextEncoder().encode(
    "# PRD\n\n### US-001: First\n\n- [x] a.txt\n\n### US-002: Second\n\n- [ ] b.txt\n",
  ),
});

/** What a model answers to `ralph plan`: what is taken makes a PRD that can be read. */
function readAnswer(text: string): unknown {
  const found = jsonIn(text);
  if ("fault" in found) return found;
  const drafted = readDraft(found.value, { taken: ["taken"] });
  if ("draft" in drafted) {
    parsePrd({ path: "/p/prd.json", bytes: new TextEncoder().encode(prdText(drafted.draft)) });
  }
  const revised = readRevision(found.value, PLANNED);
  const made = "draft" in revised && revisedPrd(PLANNED, revised.draft).stories;
  return [drafted, revised, made];
}

export const TARGETS: readonly Target[] = [
  { name: "prd-md", read: (bytes) => readPrd("/p/prd.md", bytes), mayThrow: isOurs },
  { name: "prd-json", read: (bytes) => readPrd("/p/prd.json", bytes), mayThrow: isOurs },
  {
    name: "settings",
    read: (bytes) => readSettingsFile({ path: "/p/ralph.json", bytes, isOwn: false }),
    mayThrow: isOurs,
  },
  {
    name: "events",
    read: (bytes) => readStream(textOf(bytes)),
    mayThrow: never,
  },
  { name: "draft", read: (bytes) => readAnswer(textOf(bytes)), mayThrow: never },
  { name: "replies", read: readReplies, mayThrow: never },
  { name: "stored", read: (bytes) => readStored(bytes), mayThrow: never },
  {
    name: "git",
    read: (bytes) => [statusFrom(textOf(bytes)), treeWithBranch(textOf(bytes), "main")],
    mayThrow: never,
  },
  { name: "environment", read: (bytes) => parseEnvironmentFile(textOf(bytes)), mayThrow: never },
  { name: "proc", read: (bytes) => readTables(textOf(bytes)), mayThrow: never },
];

/**
 * A PRD that is read can be written, is guarded against itself, and is the same once every claim is taken
 * back, byte for byte.
 */
function readPrd(path: string, bytes: Uint8Array): unknown {
  const prd = parsePrd({ path, bytes });
  const document = openPrd({ path, bytes });
  const passes = new Map(prd.stories.map(({ id, passes }) => [id, !passes]));
  const open = prd.stories.filter((story) => !story.passes).map(({ id }) => id);
  const ticked = setPasses(document, new Map(open.map((id) => [id, true])));
  const claimed = openPrd({ path, bytes: ticked });
  if (!claimed.stories.every((story) => story.passes)) throw new Error("a story was not set");
  if (!isSame(restoreStates(claimed, openStories(document), open), bytes)) {
    throw new Error("it is another one");
  }
  return [prd.stories, setPasses(document, passes), guardPrd(document, bytes).violations];
}

/** Each event that ralph uses; of one that cannot be read, its error, which the stream gets over. */
function readStream(text: string): unknown {
  const decode = createEventDecoder();
  const events: unknown[] = [];
  const parser = createParser({
    onEvent({ data }) {
      events.push(
        said(() => decode(data), (e) => e instanceof ZodError || e instanceof SyntaxError),
      );
    },
  });
  parser.feed(text);
  return events;
}

const READS: readonly ((client: OpenCode) => Promise<unknown>)[] = [
  (client) => client.health(),
  (client) => client.session("ses_1"),
  (client) => client.sessions(),
  (client) => client.busy(),
  (client) => client.messages("ses_1"),
  (client) => client.permissions(),
  (client) => client.questions(),
  (client) => client.prices(),
  (client) => client.agents(),
  (client) => client.configuredModel(),
  (client) => client.keyVariables("acme"),
];

/** What each request makes of this reply, as a success and as a failure. */
async function readReplies(bytes: Uint8Array): Promise<unknown> {
  const read: unknown[] = [];
  for (const status of [200, 500]) {
    const clock = createVirtualClock();
    const client = createV1Client({
      url: "http://127.0.0.1:1",
      directory: "/p",
      clock,
      transport: () =>
        Promise.resolve(
          new Response(bytes.slice(), { status, headers: { "content-type": "application/json" } }),
        ),
    });
    for (const one of READS) {
      read.push(
        await clock.run(one(client)).catch((error) => {
          if (error instanceof OpenCodeError) return error.message;
          throw error;
        }),
      );
    }
  }
  return read;
}

/** All that ralph stores as JSON, read from the same text. */
function readStored(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  const index = { path: "/k", read: () => bytes, write: () => {} };
  return [
    () => parseTree(text, "it"),
    () => parseCleanStart(text, "it"),
    () => readOwnership(text, "/k"),
    () => storedSettings(text, 1),
    () => parseChoices(text, 1),
    () => readKept({ root: "/p", session: "1", index }),
  ].map((read) => said(read, isOurs));
}

function readTables(text: string): unknown {
  return [
    locksFrom(text),
    listeningSockets(text, 14096),
    controlGroupFrom(text),
    bootIdFrom(text),
  ];
}

/** The result, or the words of an error that is among the expected ones. */
function said(read: () => unknown, mayThrow: (error: unknown) => boolean): unknown {
  try {
    return read();
  } catch (error) {
    if (!mayThrow(error) || !(error instanceof Error)) throw error;
    return error.message;
  }
}
