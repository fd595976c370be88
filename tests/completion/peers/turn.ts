/** One turn for the plain loops, by the server's plainest call: a prompt, and its whole answer. */

/** A hung turn would hang a plain loop forever; here it is given up, and the loop goes on. */
const TIMEOUT_MS = 120_000;

export interface PeerTask {
  readonly server: string;
  readonly root: string;
  readonly model: { readonly providerID: string; readonly modelID: string };
  /** Relative to the root. Undefined for a task that is a prompt alone. */
  readonly prd?: string;
  /** The whole task, when there is no PRD. */
  readonly prompt?: string;
  readonly iterations: number;
}

/** What a loop says at its end. */
export interface PeerEnd {
  readonly completed: boolean;
  readonly why: string;
}

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly state?: { readonly output?: string };
}

/**
 * Runs one turn in an OpenCode session of its own, with the rules that `opencode run` sets. Returns
 * what the agent said and what its tools printed; empty when the turn failed, which these loops
 * take for a turn like any other.
 */
export async function turn(task: PeerTask, prompt: string): Promise<string> {
  const query = new URLSearchParams({ directory: task.root });
  const request = async <T>(path: string, body?: object): Promise<T> => {
    const response = await fetch(`${task.server}${path}?${query}`, {
      method: body ? "POST" : "GET",
      headers: { "content-type": "application/json" },
      body: body ? JSON.stringify(body) : undefined,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return await response.json();
  };
  const { id } = await request<{ id: string }>("/session", {
    permission: [
      { permission: "*", pattern: "*", action: "allow" },
      { permission: "question", pattern: "*", action: "deny" },
    ],
  });
  try {
    const parts = [{ type: "text", text: prompt }];
    await request(`/session/${id}/message`, { model: task.model, parts });
  } catch {
    return "";
  }
  const messages = await request<{ info: { role: string }; parts: Part[] }[]>(
    `/session/${id}/message`,
  );
  return messages.filter(({ info }) => info.role === "assistant")
    .flatMap(({ parts }) => parts)
    .map(({ type, text, state }) => type === "text" ? text : type === "tool" ? state?.output : "")
    .join("\n");
}

/** What such loops tell the agent. */
export async function promptFor(task: PeerTask): Promise<string> {
  if (!task.prd) return task.prompt ?? "";
  return `PRD: ${task.prd}
Story: ${(await openStories(task))?.[0] ?? "the first one that does not pass"}

Work on that story. Run the tests. When they pass, set its \`passes\` to true (in markdown: tick its
boxes), commit, and add what you learned to progress.txt. When all stories pass, answer
<promise>COMPLETE</promise>.`;
}

/** The ids of the stories that do not pass; undefined when the PRD cannot be read. */
export async function openStories(task: PeerTask): Promise<string[] | undefined> {
  try {
    const text = await Deno.readTextFile(`${task.root}/${task.prd}`);
    if (task.prd?.endsWith(".md")) {
      return text.split(/^### /m).slice(1)
        .filter((section) => /^\s*[-*+] \[ \]/m.test(section))
        .map((section) => section.split(":", 1)[0]);
    }
    const { userStories } = JSON.parse(text) as { userStories: { id: string; passes: boolean }[] };
    return userStories.filter(({ passes }) => passes !== true).map(({ id }) => id);
  } catch {
    return undefined;
  }
}
