/** A second user of this machine, whom root can play. */
import { join } from "node:path";

/** Why tests with a second user are left out; undefined where they can be run. */
export const NO_SECOND_USER = Deno.build.os !== "linux"
  ? "only Linux tells whose a socket is"
  : Deno.uid() !== 0
  ? "only root can play a second user"
  : undefined;

/** `nobody`: has no files here. */
const UID = 65534;

export interface OtherUsersServer extends AsyncDisposable {
  readonly url: string;
  readonly uid: number;
  /** The Authorization headers, or `-`, of the requests that came, in their order. */
  requests(): readonly string[];
}

/** It answers as a healthy OpenCode does that asks for no password, and keeps what it is told. */
const SERVER = `
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, (request) => {
  console.log(request.headers.get("authorization") ?? "-");
  const isHealth = new URL(request.url).pathname === "/global/health";
  return Response.json(isHealth ? { healthy: true, version: "1.18.33" } : []);
});
`;

/** Starts it as the second user. */
export async function startOtherUsersServer(): Promise<OtherUsersServer> {
  const folder = await Deno.makeTempDir({ prefix: "ralph-other-" });
  const script = join(folder, "server.js");
  const cache = join(folder, "cache");
  await Deno.writeTextFile(script, SERVER);
  await Deno.mkdir(cache);
  for (const path of [folder, cache]) await Deno.chmod(path, 0o777);
  const user = ["--reuid", `${UID}`, "--regid", `${UID}`, "--clear-groups"];
  const child = new Deno.Command("setpriv", {
    args: [...user, Deno.execPath(), "run", "--quiet", "--no-config", "--allow-net", script],
    cwd: "/",
    clearEnv: true,
    env: { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", HOME: cache },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  const started = Promise.withResolvers<void>();
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
      if (lines.length > 0) started.resolve();
    }
    started.reject(new Error("the second user's server ended"));
  })();
  await started.promise;
  return {
    url: `http://127.0.0.1:${lines[0]}`,
    uid: UID,
    requests: () => lines.slice(1),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
