/** The worker's host that is this machine. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { gateEnvironmentOf } from "../app/gates.ts";
import { requireInside } from "../app/inside.ts";
import { promptOf } from "../app/prompt_file.ts";
import { clientAt } from "../app/server_client.ts";
import { serverPlaces } from "../app/server_places.ts";
import { logPath, openUserStore, pathsOf, signalPath } from "../app/store.ts";
import { homeRootOf } from "../control/worktree/find.ts";
import type { Clock } from "../clock.ts";
import { openLogFile } from "../host/files/log_file.ts";
import { textInside } from "../host/files/outside.ts";
import { STATE_VARIABLE, taskKey } from "../host/files/paths.ts";
import { projectFiles } from "../host/files/project_files.ts";
import { readFileIfAny, readWhole } from "../host/files/read_file.ts";
import { sessionFolder } from "../host/files/session_folder.ts";
import { watchRequests } from "../host/files/signal_files.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { missingFilters } from "../host/git/missing_filters.ts";
import { prepareBranch } from "../host/git/branch.ts";
import { deliveryGit } from "../host/git/deliver.ts";
import { changesSince } from "../host/git/changes_since.ts";
import { linesInside } from "../host/files/line_count.ts";
import { leftBranchAt } from "../host/git/left_branch.ts";
import { treeChange, treeState } from "../host/git/tree_state.ts";
import { leftProcesses } from "../host/process/agent_processes.ts";
import { runHook } from "../host/process/hook_process.ts";
import { processWords } from "../host/process/process_words.ts";
import {
  type EnterSandbox,
  enterSandbox,
  runInSandbox,
  whyOutsideSandbox,
} from "../host/process/server_sandbox.ts";
import { thisBoot } from "../host/system/boot.ts";
import { portOf } from "../host/system/port.ts";
import { OF_DESKTOP } from "../no_secrets.ts";
import { readSettings } from "../settings/read.ts";
import { findTask } from "../task/find.ts";
import { ownPlaces, type Task, taskFile } from "../task/task_files.ts";
import { parsePrd } from "../task/prd.ts";
import { PRD_BYTES_MAX } from "../task/prd_file.ts";
import { VERSION } from "../version.ts";
import type { Telemetry } from "../telemetry/exporter.ts";
import type { SessionAbout } from "../telemetry/session_spans.ts";
import { randomHex } from "../host/system/random.ts";
import type { WorkerHost } from "./host.ts";
import { takeLocks } from "./task_lock.ts";

/**
 * `unit`: the systemd unit that this process runs as. `variableNames`: of all that `context` gives,
 * where those are not this process's.
 */
export function systemHost(
  context: Context,
  { unit, variableNames }: { unit?: string; variableNames?: readonly string[] } = {},
): WorkerHost {
  const { clock, environment } = context;
  const wayInto = waysInto(clock);
  return {
    clock,
    process: { pid: Deno.pid, version: VERSION, unit },
    bootId: async () => (await thisBoot(clock)).id,
    findTask: ({ taskDir, projectRoot }) =>
      findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot }),
    async configure(task, flags) {
      const { settings, sources } = await readSettings({
        ...rootsOf(context, task),
        prdPath: task.prdPath,
        environment,
        variableNames: [],
        readFile: readWhole,
        flags,
      });
      requireInside(context, task, settings);
      const { template, file } = promptOf(task, settings);
      return { settings, sources, template, promptFile: file };
    },
    prepareBranch: (task, { baseBranch }, signal) =>
      prepareBranch(
        {
          root: task.projectRoot,
          branch: branchOf(task),
          base: baseBranch,
          taskFile: taskFile(task),
          own: ownPlaces(task),
        },
        clock,
        signal,
      ),
    takeLock: (task) => takeLocks(context, task),
    serverPlaces: (task, server) => serverPlaces(context, { task, server }),
    openStore: () => openUserStore(context),
    openLog: (task, sessionId) => openLogFile(logPath(context, taskKey(task), sessionId)),
    keptFolder: (task) => sessionFolder(path.join(pathsOf(context).kept, taskKey(task))),
    watchRequests: (task, options) =>
      watchRequests({ ...signalPath(context, taskKey(task)), clock, ...options }),
    openCode: (server) => clientAt(context, server),
    prdFiles: Deno,
    projectFiles: projectFiles(clock),
    ...looksAtTree(clock),
    branchOf,
    deliveryGit: (signal, { server, handOn }) =>
      deliveryGit(clock, signal, { handOn, enter: wayInto(server) }),
    readText: textInside,
    leftRunning: async (root, since) =>
      (await leftProcesses(root, clock, since))?.map(processWords),
    runGate: (server) => runInSandbox(wayInto(server)),
    runHook({ command, variables, input }, { root, handOn }) {
      const env = { ...hookEnvironment(context, handOn, variableNames), ...variables };
      return runHook(command, { cwd: root, env, input, clock });
    },
    telemetry: (about, onFailure) => openTelemetry(context, about, onFailure),
    missingFilters: (root) =>
      missingFilters(root, { clock, searchPath: context.environment("PATH") ?? "" }),
    whyOutsideSandbox: (server) => whyOutsideSandbox(portOf(server), clock),
    gateEnvironment: (handOn) => gateEnvironmentOf(context, handOn, variableNames),
  };
}

/** Its modules are loaded where it is asked for. */
async function openTelemetry(
  { clock, environment }: Context,
  about: SessionAbout,
  onFailure: (text: string) => void,
): Promise<Telemetry | undefined> {
  if (environment("OTEL_EXPORTER_OTLP_ENDPOINT") === undefined) return undefined;
  const { telemetryOf } = await import("../telemetry/telemetry.ts");
  const { postJson } = await import("../host/system/post.ts");
  return telemetryOf(about, {
    environment,
    version: VERSION,
    clock,
    post: (url, message) => postJson(url, message, clock),
    randomHex,
    onFailure,
  });
}

/** That of a gate, with what shows something on a desktop, and where ralph's own files are. */
function hookEnvironment(
  context: Context,
  handOn: readonly string[],
  variableNames: readonly string[] | undefined,
): Record<string, string> {
  const { variables } = gateEnvironmentOf(context, [...handOn, ...OF_DESKTOP], variableNames);
  const state = context.environment(STATE_VARIABLE);
  return { ...variables, ...state !== undefined && { [STATE_VARIABLE]: state } };
}

function rootsOf(context: Context, { projectRoot }: Task) {
  return { projectRoot, homeRoot: homeRootOf(context, projectRoot) };
}

/** One way for gates and git: each would look for the server's process anew. */
function waysInto(clock: Clock): (server: string) => EnterSandbox {
  const ways = new Map<string, EnterSandbox>();
  return (server) => {
    const way = ways.get(server) ?? enterSandbox(portOf(server), clock);
    ways.set(server, way);
    return way;
  };
}

function looksAtTree(
  clock: Clock,
): Pick<WorkerHost, "tree" | "leftBranchAt" | "changes" | "linesOf"> {
  return {
    tree: {
      state: (root, known, signal) => treeState(root, { clock, known, signal }),
      change: (root, between, signal) => treeChange(root, { clock, signal, ...between }),
    },
    leftBranchAt: (root, branch, signal) => leftBranchAt(root, branch, { clock, signal }),
    changes: (root, options) => changesSince(root, { clock, ...options }),
    linesOf: (root) => (file) => linesInside(root, file),
  };
}

/** The branch that the PRD asks for. Throws `RalphError` when the PRD cannot be read. */
export function branchOf({ prdPath }: Task): string | undefined {
  const bytes = prdPath && readFileIfAny(prdPath, PRD_BYTES_MAX);
  return bytes ? parsePrd({ path: prdPath, bytes }).branchName : undefined;
}
