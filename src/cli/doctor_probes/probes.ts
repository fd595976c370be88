/** The doctor's read-only probes, put together. Each answer is asked for once. */
import type { Probes } from "../../doctor/probes.ts";
import { UNIT_NAME } from "../../doctor/unit_facts.ts";
import type { RalphError } from "../../error.ts";
import { fileSystemType, freeBytes, isNetworkFileSystem } from "../../host/files/file_system.ts";
import { modeOf } from "../../host/files/mode.ts";
import { fileExists, textOf } from "../../host/files/read_file.ts";
import { unwritableOf } from "../../host/files/unwritable.ts";
import { nearestFolder } from "../../host/files/why_not_written.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { readRepository } from "../../host/git/repository.ts";
import { whyRefused } from "../../host/git/run_git.ts";
import { missingFilters } from "../../host/git/missing_filters.ts";
import { whyUnsigned } from "../../host/git/signing.ts";
import { baseFolders } from "../../host/system/base_folders.ts";
import { isForeign, listenersOn } from "../../host/system/port.ts";
import { serverEnv } from "../../host/system/server_env.ts";
import { createSystemd } from "../../host/system/systemd.ts";
import { projectChoices } from "../../opencode/project_choices.ts";
import { codeWords, projectCode } from "../../opencode/project_code.ts";
import { openCodeSettings } from "../../opencode/settings_files.ts";
import { once } from "../../once.ts";
import { sqliteVersion } from "../../store/inspect.ts";
import { findProjectRoot, listTasks } from "../../task/find.ts";
import type { Gate } from "../../task/gate.ts";
import { VERSION } from "../../version.ts";
import { connectionTo } from "../../app/server_client.ts";
import { namesFor, onPath, programOf } from "../../app/names.ts";
import { unwritableIn } from "../../app/writable.ts";
import type { Context } from "../../app/context.ts";
import {
  completionsOf,
  environmentOf,
  otherUsers,
  settingsVariables,
  versionOf,
} from "./machine.ts";
import { gateFacts, protectionFacts, tasksOf } from "./project.ts";
import { serverProbes } from "./server.ts";
import { storeFacts } from "./store.ts";

export interface DoctorOrder {
  serverUrl: string;
  /** Only the project's own settings name it. */
  serverOfProject: boolean;
  /** The model that the loop would use; undefined when that is left to the server. */
  model?: string;
  /** The same of the agent. */
  agent?: string;
  deep: boolean;
  /** Of the settings. */
  verify: readonly Gate[];
  gateEnv: readonly string[];
  protect: readonly string[];
  /** What is wrong with the settings, which are then the usual ones. */
  settingsProblem?: RalphError;
}

/** Each program is asked once. */
function versionProbes(context: Context): Pick<Probes, "versionOf" | "refusalOf"> {
  const versions = new Map<string, ReturnType<typeof versionOf>>();
  const asked = (program: string) => {
    const known = versions.get(program) ?? versionOf(context, program);
    versions.set(program, known);
    return known;
  };
  return {
    versionOf: async (program) => (await asked(program)).version,
    refusalOf: async (program) => (await asked(program)).refusal,
  };
}

const filesOf = (root: string) => ({ root, list: systemTree.list, readText: textOf });

export async function doctorProbes(context: Context, order: DoctorOrder): Promise<Probes> {
  const { clock, environment } = context;
  const root = findProjectRoot(context.cwd(), systemTree);
  const systemd = createSystemd({ clock, unit: UNIT_NAME });
  const names = await namesFor(context, order.serverUrl, systemd);
  const listeners = once(() => listenersOn(names.port, clock));
  const connection = connectionTo(context, {
    url: order.serverUrl,
    ofProject: order.serverOfProject,
  });
  return {
    names,
    machine: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      versions: `ralph ${VERSION}, Deno ${Deno.version.deno}`,
    },
    now: () => clock.now(),
    systemd,
    program: (name) => programOf(context, name),
    onPath: (name) => onPath(context, name),
    ...versionProbes(context),
    exists: fileExists,
    mode: modeOf,
    environmentOf: (pid) => environmentOf(pid, clock),
    isSet: (variable) => environment(variable) !== undefined,
    settingsVariables,
    foldersOf: async (pid) => {
      const variables = await environmentOf(pid, clock);
      return variables && baseFolders((name) => variables.get(name), names.home);
    },
    freeBytes,
    fileSystemType: (folder) => fileSystemType(folder, clock),
    isNetworkFileSystem,
    listeners,
    isForeign: (one) => isForeign(one, { url: names.serverUrl, uid: names.uid }),
    completions: completionsOf(context, names.home),
    serverEnv: serverEnv(environment),
    isPasswordWithheld: connection.withheld !== undefined,
    otherUsers: () => otherUsers(clock),
    settingsProblem: order.settingsProblem,
    server: serverProbes(context, {
      connection,
      names,
      root,
      systemd,
      model: order.model,
      agent: order.agent,
    }),
    store: {
      read: once(() => storeFacts(context, order)),
      sqliteVersion,
      unwritable: () =>
        unwritableOf([names.dataFolder, names.stateFolder].map(nearestFolder), clock),
    },
    project: root === undefined ? undefined : projectProbes(context, root, order),
  };
}

function projectProbes(context: Context, root: string, order: DoctorOrder): Probes["project"] {
  const { clock, environment } = context;
  return {
    root,
    git: once(() => readRepository(root, clock)),
    unwritable: () => unwritableIn(context, root, listTasks(root, systemTree)),
    unsigned: () => whyUnsigned(root, { clock }),
    missingFilters: () => missingFilters(root, { clock, searchPath: environment("PATH") ?? "" }),
    gitRefusal: () => whyRefused(root, { clock }),
    tasks: () => tasksOf(root),
    gates: () => gateFacts(context, root, order),
    protection: () => protectionFacts(context, root, order),
    openCodeSettings: () => openCodeSettings(root, textOf),
    openCodeChoices: once(() => projectChoices(filesOf(root))),
    code: () => codeWords(projectCode(filesOf(root))),
  };
}
