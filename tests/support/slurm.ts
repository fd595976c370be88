/**
 * A Slurm cluster of one node on loopback, from the programs that are installed. Controller and node are
 * in process namespaces: the node can lose its power, and all is gone when this process ends.
 */
import { join } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { until } from "./wait.ts";

export interface Cluster extends AsyncDisposable {
  /** What the commands of Slurm need to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command of Slurm and returns what it printed, trimmed. Throws its error output. */
  slurm(...command: readonly string[]): Promise<string>;
  /** Ends all processes of the node at once, tells Slurm that it is down, and starts it again. */
  losePower(): Promise<void>;
}

const PROGRAMS = ["slurmctld", "slurmd", "munged", "sbatch", "unshare"];
const START_TIMEOUT_MS = 30_000;

/** Keeps the cluster until its input ends; a line on it starts the node, or ends it. */
const KEEPER = `
set -eu
munged --socket="$1/munge.socket" --key-file="$1/munge.key" --pid-file="$1/munge.pid" \\
  --log-file="$1/munge.log" --seed-file="$1/munge.seed"
slurmctld -D -f "$SLURM_CONF" >"$1/slurmctld.out" 2>&1 &
while read -r what; do
  case $what in
    start)
      unshare --pid --fork --mount-proc --kill-child slurmd -D -f "$SLURM_CONF" \\
        >"$1/slurmd.out" 2>&1 </dev/null &
      node=$! ;;
    kill) kill -KILL "$node"; wait "$node" || : ;;
  esac
done`;

/** Why no cluster can run here; undefined when one can. */
export function whyNoCluster(): string | undefined {
  if (Deno.build.os !== "linux") return "not Linux";
  if (Deno.uid() !== 0) return "not root";
  const script = `for one in ${PROGRAMS.join(" ")}; do command -v $one >&2 || echo $one; done
    unshare --pid --fork --mount-proc true || echo 'process namespaces'`;
  const { stdout } = new Deno.Command("sh", { args: ["-c", script], stderr: "null" }).outputSync();
  const missing = new TextDecoder().decode(stdout).trim().split("\n").join(", ");
  return missing === "" ? undefined : `without ${missing}`;
}

/** Throws when it is not ready within half a minute. */
export async function startCluster(): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  // Not in TMPDIR: the path of a socket has 107 characters at most (unix(7)).
  const { path: folder } = stack.use(temporaryFolder("ralph-slurm-", "/tmp"));
  await Deno.chmod(folder, 0o711); // munged asks for it
  const conf = join(folder, "slurm.conf");
  const env = { SLURM_CONF: conf };
  await Deno.writeTextFile(conf, configuration(folder, freePorts(2)));
  await Deno.mkdir(join(folder, "state"));
  await Deno.mkdir(join(folder, "spool"));
  const key = crypto.getRandomValues(new Uint8Array(128));
  await Deno.writeFile(join(folder, "munge.key"), key, { mode: 0o600 });

  const keeper = new Deno.Command("unshare", {
    args: [
      ...["--pid", "--fork", "--mount-proc", "--kill-child"],
      ...["sh", "-c", KEEPER, "keeper", folder],
    ],
    env,
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
    detached: true,
  }).spawn();
  const writer = keeper.stdin.getWriter();
  stack.defer(async () => {
    await writer.close().catch(() => {});
    await keeper.status;
  });
  const say = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
  const slurm = async (...[program, ...args]: readonly string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, env }).output();
    if (success) return new TextDecoder().decode(stdout).trim();
    throw new Error(`\`${program} ${args.join(" ")}\`: ${new TextDecoder().decode(stderr)}`);
  };
  const ready = () =>
    until(async () => /idle|mix/.test(await slurm("sinfo", "-h", "-o", "%t").catch(() => "")), {
      what: "the node to be ready",
      timeoutMs: START_TIMEOUT_MS,
    });
  await say("start");
  await ready();
  const kept = stack.move();
  return {
    env,
    slurm,
    async losePower() {
      const lost = (await slurm("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%A")).split("\n");
      await say("kill");
      const log = join(folder, "slurmd.log");
      const before = (await Deno.readTextFile(log)).length;
      await slurm("scontrol", "update", "NodeName=here", "State=DOWN", "Reason=power");
      await say("start");
      await ready();
      // The order to end them reaches the node late, and would end those that begin before it does.
      await until(async () => {
        const said = (await Deno.readTextFile(log)).slice(before);
        return lost.every((id) => new RegExp(`_rpc_terminate_job: .*JobId=${id}$`, "m").test(said));
      }, { what: "the node to be told that its jobs are gone", timeoutMs: START_TIMEOUT_MS });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Four processors whatever the machine has, so that four tasks run at once. */
function configuration(folder: string, [controller, node]: readonly number[]): string {
  return `ClusterName=test
SlurmctldHost=${Deno.hostname()}(127.0.0.1)
SlurmctldPort=${controller}
SlurmdPort=${node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
SlurmdDebug=debug
NodeName=here NodeHostname=${Deno.hostname()} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
`;
}

function freePorts(count: number): readonly number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  return listeners.map((listener) => {
    listener.close();
    return listener.addr.port;
  });
}
