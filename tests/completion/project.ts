import { dirname, join } from "node:path";

/**
 * Makes `root`, a folder that is there, a repository on the branch `main` with one commit of `files`
 * and nothing else in it. The folder is used again and again, since a server needs a second to get
 * to know a new one (1.18.33, measured).
 */
export async function freshProject(
  root: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for await (const { name } of Deno.readDir(root)) {
    await Deno.remove(join(root, name), { recursive: true });
  }
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(root, path)), { recursive: true });
    await Deno.writeTextFile(join(root, path), text);
  }
  await git(root, "init", "--quiet", "-b", "main");
  await git(root, "config", "user.name", "Test");
  await git(root, "config", "user.email", "test@example.com");
  await git(root, "add", "--all");
  await git(root, "commit", "--quiet", "-m", "chore: start");
}

async function git(root: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", {
    args: [...args],
    cwd: root,
    // what this machine's user has set up (hooks, signing) must not decide a scenario
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    stdin: "null",
  }).output();
  if (!success) throw new Error(`git ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}
