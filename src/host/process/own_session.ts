/** A program in a session and process group of its own, without a terminal (setsid(2)). */
import { environment } from "../system/environment.ts";
import { once } from "../../once.ts";
import { findProgram, isExecutable } from "./programs.ts";

interface Command {
  program: string;
  args: readonly string[];
  detached: boolean;
}

/**
 * What to start for it. `detached` has Deno copy its own tables of memory for each program that it starts
 * (fork(2); 2.7.11 and 2.9.6), which takes 11 ms of a process of 150 MB; setsid(1) does the same in 3 ms
 * (measured), but in the moment before it does a signal to this process's group reaches the program. So
 * where a terminal may send one it is `detached`.
 */
export function inOwnSession(
  [program, ...args]: readonly string[],
  searchPath = environment("PATH") ?? "",
): Command {
  const file = program.includes("/")
    ? [program].find(isExecutable)
    : findProgram(program, { searchPath, folders: [] });
  const setsid = setsidProgram();
  // Of one that is not there Deno has more to say.
  if (setsid === undefined || file === undefined) {
    return { program, args, detached: true };
  }
  return { program: setsid, args: [file, ...args], detached: false };
}

const setsidProgram = once(() => {
  const hasTerminal = [Deno.stdin, Deno.stdout, Deno.stderr].some((one) => one.isTerminal());
  if (Deno.build.os !== "linux" || hasTerminal) return undefined;
  return findProgram("setsid", { searchPath: "/usr/bin:/bin", folders: [] });
});

/** A signal to all in its session that has not left its group. Throws nothing: they may have ended. */
export function signalSession(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    Deno.kill(-child.pid, signal);
  } catch {
    signalItself(child, signal);
  }
}

/** Its session may still be about to begin. */
function signalItself(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // All of it has ended; what left its group may hold its pipes.
  }
}
