/** systemd/opencode.service in a testbed, with a real OpenCode. */
import { fileURLToPath } from "node:url";
import { NEWEST, type Version } from "../support/install.ts";
import { call, say, type ScriptedModel, startModel } from "../support/scripted_model.ts";
import { installOpencode, startTestbed, type Testbed } from "../support/testbed.ts";
import { until } from "../support/wait.ts";

export const USER = "tester";
export const HOME = `/home/${USER}`;
export const UNIT = text("opencode.service");
export const DROP_INS = ["unattended.conf", "limits.conf", "hardening.conf"];
const START_TIMEOUT_MS = 60_000;

export function text(name: string): string {
  return Deno.readTextFileSync(fileURLToPath(new URL(`../../systemd/${name}`, import.meta.url)));
}

/** The unit of a user who has an OpenCode, in a testbed of its own. */
export interface Service extends AsyncDisposable {
  readonly testbed: Testbed;
  /** Leads to port 14096 of the testbed. */
  readonly url: string;
  /** `systemctl --user` as the user, without logging in. The trimmed output; throws on failure. */
  systemctl(args: string): Promise<string>;
  /** A property of the unit. */
  property(name: string): Promise<string>;
  /** Resolves when the server answers: its version. */
  healthy(headers?: HeadersInit): Promise<string>;
  /** Whether something listens on port 14096. */
  listens(): Promise<boolean>;
}

export async function makeService(
  options: { version?: Version; model?: ScriptedModel; dropIns?: readonly string[] } = {},
): Promise<Service> {
  const { version = NEWEST, model, dropIns = [] } = options;
  await using stack = new AsyncDisposableStack();
  const testbed = stack.use(await startTestbed());
  await installOpencode(testbed, { user: USER, version });
  await write(testbed, "project/.keep", "");
  await write(testbed, ".config/systemd/user/opencode.service", UNIT);
  for (const name of dropIns) {
    const path = `.config/systemd/user/opencode.service.d/${name}`;
    await write(testbed, path, text(`opencode.service.d/${name}`));
  }
  if (model) {
    await testbed.lead(Number(new URL(model.url).port));
    await write(testbed, ".config/opencode/opencode.json", JSON.stringify(configOf(model.url)));
  }
  const url = await testbed.reach(14096);
  const runtime = `/run/user/${await testbed.sh(`id -u ${USER}`)}`;
  const systemctl = (args: string) =>
    testbed.sh(`systemctl --user ${args}`, {
      user: USER,
      session: false,
      env: { XDG_RUNTIME_DIR: runtime },
    });
  const owned = stack.move();
  return {
    testbed,
    url,
    systemctl,
    property: (name) => systemctl(`show --value -p ${name} opencode`),
    healthy: (headers) =>
      until(async () => (await health(url, headers)).version, {
        what: "the server to answer",
        timeoutMs: START_TIMEOUT_MS,
      }),
    listens: async () => (await listeners(testbed)).some((address) => address.endsWith(":3710")),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export async function write(testbed: Testbed, path: string, content: string): Promise<void> {
  await testbed.sh(`mkdir -p "$(dirname ${path})" && cat >${path}`, {
    user: USER,
    session: false,
    stdin: content,
  });
}

export async function health(
  url: string,
  headers?: HeadersInit,
): Promise<{ status?: number; version?: string }> {
  try {
    const signal = AbortSignal.timeout(1_000);
    const response = await fetch(`${url}/global/health`, { headers, signal });
    const body = await response.text();
    return { status: response.status, version: response.ok ? JSON.parse(body).version : undefined };
  } catch {
    return {};
  }
}

/** The addresses that something inside listens on, as in proc(5): hexadecimal. */
export async function listeners(testbed: Testbed): Promise<string[]> {
  const lines = await testbed.sh(`cat /proc/net/tcp /proc/net/tcp6`);
  return lines.split("\n").map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A").map((fields) => fields[1]);
}

export async function environmentOf(service: Service): Promise<Map<string, string>> {
  const lines = await service.testbed.sh(
    `tr '\\0' '\\n' <"/proc/${await service.property("MainPID")}/environ"`,
  );
  return new Map(
    lines.split("\n").map((line) => {
      const [name] = line.split("=", 1);
      return [name, line.slice(name.length + 1)];
    }),
  );
}

function configOf(baseURL: string): Record<string, unknown> {
  const ok = { name: "ok", tool_call: true, limit: { context: 128_000, output: 4096 } };
  const npm = "@ai-sdk/openai-compatible"; // part of OpenCode: nothing is downloaded
  const fake = { npm, name: "Fake", options: { baseURL, apiKey: "none" }, models: { ok } };
  return {
    model: "fake/ok",
    small_model: "fake/ok",
    enabled_providers: ["fake"],
    provider: { fake },
  };
}

/** A request for the user's folder `project`: what the server answers, as JSON. */
export async function request(
  service: Service,
  path: string,
  body?: Readonly<Record<string, unknown>>,
  // deno-lint-ignore no-explicit-any -- OpenCode's own replies, of which each test reads a little
): Promise<any> {
  const response = await fetch(`${service.url}${path}?directory=${HOME}/project`, {
    method: body ? "POST" : "GET",
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return await response.json();
}

export const PROMPT = { parts: [{ type: "text", text: "go" }] };

/** A model that has the agent run `command` in a shell, and then say what it printed. */
export function runs(command: string) {
  return startModel(({ step, lastToolOutput }) =>
    step === 0
      ? call({ name: "bash", input: { command, description: "Work" } })
      : say(lastToolOutput)
  );
}

/** What the agent says at the end of a turn in a new session, with the rules that ralph gives. */
export async function turn(service: Service): Promise<string> {
  const permission = [{ permission: "*", pattern: "*", action: "allow" }];
  const { id } = await request(service, "/session", { permission });
  const { parts } = await request(service, `/session/${id}/message`, PROMPT);
  return parts.filter((part: { type: string }) => part.type === "text")
    .map((part: { text: string }) => part.text).join("");
}
