/**
 * Completion in the real shells, at a terminal of their own: a line is typed with its tabs and sent,
 * and then it counts with which arguments the shell starts `ralph`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { completionsOf } from "../../src/cli/doctor_probes/machine.ts";
import { COMPLETING_SHELLS, completionSetup, isSetUp } from "../../src/doctor/completion_setup.ts";
import { openStore } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/folder.ts";
import { migrations } from "../support/migrations.ts";
import { makeProject, type Project } from "../support/project.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";
import { until } from "../support/wait.ts";

const PRD = "# PRD\n\n### US-001: Only\n\n- [ ] it is done\n";

/** Names that a shell must quote. All begin in different ways. */
const HARD_NAMES = [
  "aa two  spaces ",
  "bb$(touch ran)`touch ran`",
  "cc;touch ran&|>ran",
  "dd'single",
  'ee"double"\\back',
  "ff:colon:s@at=equals",
  "gg*?[a]{b,c}~#",
  "hh!bang!!%d(x)<y",
  "iiü ✓",
  " kk",
  "#ll",
  "=mm",
  "~nn",
];
/** Names that no shell can type, or that no command takes. */
const UNSAFE_NAMES = ["xx\nline", "xx\u001b[31mred", "xx\ttab", "xx\u202etxt"];
/** The same, in the store only: other programs write files too. */
const UNSAFE_RECORDED_NAMES = [...UNSAFE_NAMES, "xx/slash", "--xx", "..", ""];

function makeTasks(names: readonly string[]): Promise<Project> {
  const files = names.map((name) => [join("tasks", name, "prd.md"), PRD]);
  return makeProject({ files: Object.fromEntries(files) });
}

/** A store with an ended session of each of these, and some that run, in a project that is not there. */
function makeDatabase(
  data: string,
  names: readonly string[],
  running: readonly string[] = [],
): string {
  const folder = join(data, "ralph");
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, "sessions.db");
  const store = openStore({ path, migrations, now: () => Date.now() });
  for (const [index, taskName] of [...names, ...running].entries()) {
    const task = { taskName, taskDir: `/gone/tasks/${index}`, projectRoot: "/gone" };
    const lease = store.startSession(task, {
      maxIterations: 10,
      serverUrl: "http://127.0.0.1:1",
      serverPort: 1,
      workerPid: 1,
      workerVersion: "0.0.0",
      accepted: false,
    }, { settings: "{}", tree: null, choices: null });
    if (index >= names.length) continue;
    store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  }
  store.close();
  return path;
}

/** Makes a `ralph` that is the real one for scripts, and at a terminal only notes its arguments. */
function makeCommand(folder: string): { bin: string; calls: () => string[][] } {
  const real = RALPH.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const calls = join(folder, "calls");
  const bin = join(folder, "bin");
  Deno.mkdirSync(bin);
  Deno.writeTextFileSync(calls, "");
  Deno.writeTextFileSync(
    join(bin, "ralph"),
    `#!/bin/sh
[ -t 1 ] || exec ${real} "$@"
printf '%s\\037' "$@" >>'${calls}'
printf '\\036' >>'${calls}'
echo was-called
`,
    { mode: 0o755 },
  );
  return {
    bin,
    calls: () =>
      Deno.readTextFileSync(calls).split("\x1e").slice(0, -1)
        .map((call) => call.split("\x1f").slice(0, -1)),
  };
}

const PROMPT = "ready> ";
/** How each shell is started, with the completion as its help says and the prompt above. */
const SHELLS: Record<string, { rc: string; text: string; command: (folder: string) => string }> = {
  bash: {
    rc: "bashrc",
    text: `PS1='${PROMPT}'\nsource <(ralph completions bash)\n`,
    command: (folder) => `bash --noprofile --rcfile '${folder}/bashrc' -i`,
  },
  zsh: {
    rc: ".zshrc",
    text: `PS1='${PROMPT}'\nautoload -Uz compinit && compinit -u\n` +
      "source <(ralph completions zsh)\n",
    command: () => "zsh -i",
  },
  fish: {
    rc: "config.fish",
    text: `function fish_prompt; echo -n '${PROMPT}'; end\nralph completions fish | source\n`,
    command: (folder) => `fish --no-config --init-command 'source ${folder}/config.fish'`,
  },
};

/** A shell at a terminal (that of script(1)) in the project, with `names` on record. */
async function startShell(
  shell: string,
  options: { project: Project; names: readonly string[]; running?: readonly string[] },
) {
  const folder = temporaryFolder("ralph-shell-");
  const { rc, text, command } = SHELLS[shell];
  Deno.writeTextFileSync(join(folder.path, rc), text);
  const { bin, calls } = makeCommand(folder.path);
  makeDatabase(folder.path, options.names, options.running);
  const child = new Deno.Command("script", {
    args: ["-qfec", command(folder.path), "/dev/null"],
    cwd: options.project.root,
    env: {
      PATH: `${bin}:${Deno.env.get("PATH")}`,
      TERM: "xterm",
      SHELL: "/bin/sh",
      HISTFILE: "/dev/null",
      ZDOTDIR: folder.path,
      XDG_CONFIG_HOME: folder.path,
      XDG_DATA_HOME: folder.path,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  const read = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (chunk) => void (output += chunk) }));
  const writer = child.stdin.getWriter();
  const send = (keys: string) => writer.write(new TextEncoder().encode(keys));
  const shows = (pattern: RegExp, since = 0) =>
    until(() => pattern.test(output.slice(since)), { what: `${pattern} in ${shell}` })
      .catch((error) => {
        throw new Error(`${error.message}; it shows ${JSON.stringify(output.slice(since))}`);
      });
  await shows(/ready> /);
  return {
    /** Types a line, keys as they are, and returns the arguments that `ralph` got from it. */
    async type(line: string): Promise<readonly string[] | undefined> {
      const since = output.length;
      await send(`${line}\r`);
      await shows(/was-called[^]*ready> /, since);
      return calls().at(-1);
    },
    /** Types something, and waits for what is then shown. */
    async typeAndSee(keys: string, pattern: RegExp): Promise<void> {
      const since = output.length;
      await send(keys);
      await shows(pattern, since);
      await send("\x15"); // takes the line back
    },
    async [Symbol.asyncDispose]() {
      await send("exit\r");
      await writer.close();
      await child.status;
      await read;
      folder[Symbol.dispose]();
    },
  };
}

function isInstalled(command: string): boolean {
  const arg = command === "script" ? "--version" : "-c";
  try {
    return new Deno.Command(command, { args: [arg, ":"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

for (const shell of Object.keys(SHELLS)) {
  const missing = ["script", shell].filter((command) => !isInstalled(command));
  const reason = missing.length > 0 ? ` (skipped: ${missing.join(" and ")} not installed)` : "";

  Deno.test({
    name: `${shell} completes commands, options, task names and folders${reason}`,
    ignore: reason !== "",
    async fn() {
      await using project = await makeTasks(["my-feature", "other"]);
      await project.write("somewhere/else/file", "");
      await using terminal = await startShell(shell, {
        project,
        names: ["recorded"],
        running: ["busy"],
      });
      const cases: [string, string[]][] = [
        ["ralph stat\t", ["status"]],
        ["ralph __wor\t", ["__wor"]],
        ["ralph stop --fo\t", ["stop", "--force"]],
        ["ralph completions z\t", ["completions", "zsh"]],
        ["ralph status my\t", ["status", "my-feature"]],
        ["ralph status my\t--js\t", ["status", "my-feature", "--json"]],
        ["ralph status --json my\t", ["status", "--json", "my-feature"]],
        ["ralph status -- my\t", ["status", "--", "my-feature"]],
        ["A=1 ralph status my\t", ["status", "my-feature"]],
        ["true; ralph status my\t", ["status", "my-feature"]],
        ["ralph status rec\t", ["status", "recorded"]],
        // nothing of another can be stopped
        ["ralph stop b\t", ["stop", "busy"]],
        ["ralph stop recor\t", ["stop", "recor"]],
        ["ralph doctor server.ans\t", ["doctor", "server.answers"]],
        ["ralph doctor project.git store.sou\t", ["doctor", "project.git", "store.sound"]],
        ["ralph doctor --print-unit har\t", ["doctor", "--print-unit", "hardening"]],
        // run needs the folder, and that is not here
        ["ralph run rec\t", ["run", "rec"]],
        // one task is enough
        ["ralph status other my\t", ["status", "other", "my"]],
        // values that nobody here knows
        ["ralph run --server my\t", ["run", "--server", "my"]],
        ["ralph run --server=my\t", ["run", "--server=my"]],
        ["ralph run --server=http://x my\t", ["run", "--server=http://x", "my-feature"]],
        ["ralph run -fn my\t", ["run", "-fn", "my"]],
        ["ralph run -n3 my\t", ["run", "-n3", "my-feature"]],
        ["ralph new my\t", ["new", "my"]],
      ];
      for (const [line, args] of cases) assert.deepEqual(await terminal.type(line), args, line);
      const folder = await terminal.type("ralph run ./some\t");
      assert.match(folder?.join(" ") ?? "", /^run \.\/somewhere\/?$/);
    },
  });

  Deno.test({
    name: `${shell} gets every name quoted right, and runs none${reason}`,
    ignore: reason !== "",
    async fn() {
      await using project = await makeTasks([...HARD_NAMES, ...UNSAFE_NAMES]);
      await using terminal = await startShell(shell, { project, names: UNSAFE_RECORDED_NAMES });
      for (const name of HARD_NAMES) {
        const typed = /^\w/.test(name) ? name.slice(0, 2) : `\\${name.slice(0, 2)}`;
        assert.deepEqual(await terminal.type(`ralph status ${typed}\t`), ["status", name]);
      }
      const spaces = ["status", "aa two  spaces "];
      for (const typed of ["'aa t", '"aa t', "aa\\ t"]) {
        assert.deepEqual(await terminal.type(`ralph status ${typed}\t`), spaces, typed);
      }
      const colons = ["status", "ff:colon:s@at=equals"];
      for (const typed of ["ff:", "ff:col", "ff:colon:s@", "ff:colon:s@at=e", '"ff:c']) {
        assert.deepEqual(await terminal.type(`ralph status ${typed}\t`), colons, typed);
      }
      assert.deepEqual(await terminal.type("ralph status xx\t"), ["status", "xx"]);
      if (shell === "bash") {
        // readline's `insert-completions`
        const all = await terminal.type("ralph status \x1b*");
        assert.deepEqual(all?.toSorted(), ["status", ...HARD_NAMES].toSorted());
      }
      await assert.rejects(Deno.stat(join(project.root, "ran")), Deno.errors.NotFound);
    },
  });

  if (shell === "bash") continue; // it shows no descriptions
  Deno.test({
    name: `${shell} shows what the candidates are${reason}`,
    ignore: reason !== "",
    async fn() {
      await using project = await makeTasks(["my-feature"]);
      await using terminal = await startShell(shell, { project, names: ["one:\\", "two$x"] });
      // unlike the others, fish redraws with escapes between the words
      // the first of them: fish shows no more than half a screen
      await terminal.typeAndSee("ralph \t", /attach[^]*open the task's latest/);
      await terminal.typeAndSee("ralph status \t", /one:\\[^]*stopped, in \/gone/);
    },
  });
}

/** How a new shell of the user's shows that it completes `ralph`. */
const ASKED = {
  bash: { args: ["-i", "-c", "complete -p ralph"], shows: /-F _ralph ralph/ },
  zsh: { args: ["-i", "-c", "print $_comps[ralph]"], shows: /^_ralph$/m },
  fish: { args: ["-c", "complete -C 'ralph stat'"], shows: /^status\t/m },
};

for (const shell of COMPLETING_SHELLS) {
  const there = isInstalled(shell);
  Deno.test({
    name: `${shell} completes after what \`completions --help\` says, and the doctor sees it${
      there ? "" : " (skipped: not installed)"
    }`,
    ignore: !there,
    async fn() {
      await using ralph = await makeRalph();
      const { home } = ralph;
      const { bin } = makeCommand(home);
      const { stdout } = await ralph(["completions", "--help"], { cwd: home });
      const command = new RegExp(`^  ${shell}  +(.*&&\\n.*|.*)$`, "m").exec(stdout)?.[1] ?? "";
      const env = { HOME: home, PATH: `${bin}:${Deno.env.get("PATH")}`, SHELL: `/bin/${shell}` };
      const run = async (args: readonly string[]) => {
        const { stdout } = await new Deno.Command(shell, {
          args: [...args],
          cwd: home,
          clearEnv: true,
          env: { ...env, DENO_DIR: Deno.env.get("DENO_DIR") ?? "" },
          stdin: "null",
          stderr: "null",
        }).output();
        return new TextDecoder().decode(stdout);
      };
      const environment = (name: string) => Object.entries(env).find(([one]) => one === name)?.[1];
      const seen = () => {
        const found = completionsOf({ environment }, home);
        assert(found);
        return { doctor: isSetUp(found), command: completionSetup(found, home) };
      };
      const { args, shows } = ASKED[shell];
      assert.doesNotMatch(await run(args), shows);
      assert.deepEqual(seen(), { doctor: false, command: command.replace(/\n +/, " ") });
      if (shell === "bash") await Deno.writeTextFile(join(home, ".bashrc"), "A=1");
      await run(["-c", command]);
      assert.match(await run(args), shows, command);
      assert.equal(seen().doctor, true);
    },
  });
}

Deno.test(
  `fish lists candidates for \`complete -C\`${
    isInstalled("fish") ? "" : " (skipped: fish not installed)"
  }`,
  {
    ignore: !isInstalled("fish"),
  },
  async () => {
    await using project = await makeTasks(["my-feature", ...HARD_NAMES]);
    using folder = temporaryFolder();
    const { bin } = makeCommand(folder.path);
    makeDatabase(folder.path, ["recorded"]);
    const list = async (line: string) => {
      const { stdout } = await new Deno.Command("fish", {
        args: ["--no-config", "-c", "ralph completions fish | source; complete -C $argv[1]", line],
        cwd: project.root,
        env: {
          PATH: `${bin}:${Deno.env.get("PATH")}`,
          XDG_CONFIG_HOME: folder.path,
          XDG_DATA_HOME: folder.path,
        },
      }).output();
      return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
    };
    assert.deepEqual(
      (await list("ralph status ")).toSorted(),
      ["my-feature", "recorded\tstopped, in /gone", ...HARD_NAMES].toSorted(),
    );
    assert.deepEqual(await list("ralph run --server="), []);
    assert.deepEqual(await list("ralph completions f"), ["fish"]);
  },
);

Deno.test("names come without a word from whatever the database is, and it stays as it is", async () => {
  await using project = await makeTasks(["here"]);
  await using ralph = await makeRalph();
  const data = join(ralph.home, ".local", "share");
  const here = "here\n";
  const both = "here\nrecorded\tstopped, in /gone\n";

  const check = async (what: string, expected: string) => {
    const before = await snapshot(ralph.home);
    const result = await ralph(["__complete", "--", "status", ""], { cwd: project.root });
    assert.deepEqual(result, { code: 0, stdout: expected, stderr: "" }, what);
    assert.deepEqual(await snapshot(ralph.home), before, `${what}: nothing is written`);
  };

  await check("no database", here);
  const path = makeDatabase(data, ["recorded"]);
  await check("a database at rest", both);

  const other = new DatabaseSync(path);
  other.exec("BEGIN EXCLUSIVE; UPDATE sessions SET detail = 'later'");
  await check("one that is written", both);
  other.exec("COMMIT");
  await check("one in use, with its newest part in the log", both);
  other.exec(
    "CREATE TABLE more (a); PRAGMA user_version = 7; INSERT INTO migrations " +
      "SELECT max(number) + 1, 'newer', '' FROM migrations",
  );
  await check("one of a newer ralph", here);
  other.close();

  Deno.writeTextFileSync(path, "no database at all");
  await check("no database at all", here);
  Deno.truncateSync(path, 0);
  await check("an empty one", here);
  Deno.removeSync(path);
  Deno.mkdirSync(path);
  await check("a folder", here);
  Deno.removeSync(path);

  const exclusive = new DatabaseSync(makeDatabase(data, ["recorded"]));
  exclusive.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; CREATE TABLE mine (a)");
  await check("one that is kept locked", here);
  exclusive.close();
});

Deno.test("completion has no bad ending", async () => {
  await using ralph = await makeRalph();
  const silent = { code: 0, stdout: "", stderr: "" };
  using empty = temporaryFolder();
  const cwd = empty.path;
  const cases: [string[], Record<string, string>][] = [
    [["--", "stop", ""], {}],
    [["--", "stop", ""], { HOME: "", XDG_DATA_HOME: "relative" }],
    [["--", "no-such-command", ""], {}],
    [["--", "stop", "--server="], {}],
    [["--", "run", "--no-such-option=", ""], {}],
    [["--", "stop", "", "$(x)", "\n"], {}],
  ];
  for (const [words, env] of cases) {
    assert.deepEqual(await ralph(["__complete", ...words], { cwd, env }), silent);
  }
  for (
    const words of [[], ["--"], ["--", ""], ["-V"], ["--help"], ["--json", "--", "x", "--", ""]]
  ) {
    const { code, stderr } = await ralph(["__complete", ...words], { cwd });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, words.join(" "));
  }
});

/**
 * Every file below a folder, with what would tell that it was written. SQLite makes the index of its
 * log, and the log when there is none, for whoever reads.
 */
async function snapshot(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) Object.assign(files, { [path]: "folder" }, await snapshot(path));
    else {
      const { size, mtime } = await Deno.stat(path);
      const isReaders = name.endsWith("-shm") || name.endsWith("-wal") && size === 0;
      if (!isReaders) files[path] = `${size} ${mtime?.getTime()}`;
    }
  }
  return files;
}
