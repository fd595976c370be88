/** A git repository in a temporary folder, for a test to work in. */
import { dirname, join } from "node:path";

export interface Project extends AsyncDisposable {
  /** The real path of the git root. */
  readonly root: string;
  /** Runs git in the root and returns what it printed, trimmed. Throws its error output. */
  git(...args: string[]): Promise<string>;
  /** Writes a file, its folders included. `path` is relative to the root. */
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
}

const USER = "[user]\n\tname = Test\n\temail = test@example.com\n";

/**
 * A repository on the branch `main` whose first commit holds `files` (path to content).
 * `name` is that of its folder, for paths with spaces, `%20` and the like. `parent` is the folder
 * to make its temporary folder in.
 */
export async function makeProject(
  options: { files?: Readonly<Record<string, string>>; name?: string; parent?: string } = {},
): Promise<Project> {
  const { files = {}, name = "project", parent } = options;
  const folder = await Deno.realPath(
    await Deno.makeTempDir({ prefix: "ralph-project-", dir: parent }),
  );
  const root = join(folder, name);
  await Deno.mkdir(root);

  const project: Project = {
    root,
    git: (...args) => git(root, args),
    async write(path, text) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    },
    read: (path) => Deno.readTextFile(join(root, path)),
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };

  // Without the examples of hooks, which are more files than most tests have.
  await project.git("init", "--quiet", "--template=", "-b", "main");
  await Deno.mkdir(join(root, ".git/hooks"));
  await Deno.writeTextFile(join(root, ".git/config"), USER, { append: true });
  for (const [path, text] of Object.entries(files)) await project.write(path, text);
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "--allow-empty", "-m", "chore: start");
  return project;
}

async function git(root: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args,
    cwd: root,
    // what this machine's user has set up (hooks, signing) must not decide a test
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(`\`git ${args.join(" ")}\` failed: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout).trim();
}
