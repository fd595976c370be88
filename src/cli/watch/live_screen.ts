/** The live screen: looks, draws, and does what keys say, until somebody leaves. */
import { hasJobControl } from "../../host/process/proc.ts";
import type { CommandContext } from "../command_context.ts";
import { EXIT, exitCodeOfSignal } from "../exit_codes.ts";
import { type Glyphs, glyphsFor } from "./glyphs.ts";
import { painted } from "./lines.ts";
import type { Details, Model } from "./model.ts";
import { type DetailsReader, detailsReader, diffOf } from "./read_details.ts";
import { type Looked, taskReader } from "./read_model.ts";
import { runCommand } from "./run_command.ts";
import { type Screen, screen } from "./screen.ts";
import { type ServerHealth, serverHealth } from "./server_health.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import {
  chosenTask,
  type Effect,
  FIRST_VIEW,
  listed,
  press,
  type TaskCommand,
  type View,
} from "./view.ts";

const MESSAGE_MS = 15_000;
/** Looks take a hundredth of the time: with many tasks, or on a busy machine, there are fewer. */
const LOOK_SHARE = 100;
const LOOK_MS_MAX = 3_000;
/** After a look that was not whole: keys and the terminal come in between. */
const AGAIN_MS = 5;

interface Live {
  readonly context: CommandContext;
  readonly look: () => Looked;
  readonly details: DetailsReader;
  readonly servers: ServerHealth;
  readonly glyphs: Glyphs;
  /** Its exit code, or a bug. */
  readonly over: PromiseWithResolvers<number>;
  terminal?: Terminal;
  model: Model;
  view: View;
  drawn: Screen;
  diff: readonly string[];
  message?: { text: string; until: number };
}

/** `lookMs`: the least time between two looks. Returns the exit code. */
export async function watchOnScreen(
  context: CommandContext,
  { root, taskDir, lookMs }: { root: string | undefined; taskDir?: string; lookMs: number },
): Promise<number> {
  const { clock, output: { out } } = context;
  const over = Promise.withResolvers<number>();
  const servers = serverHealth(context, { onAnswer: () => guard(draw), onBug: over.reject });
  const live: Live = {
    context,
    look: taskReader(context, root),
    details: detailsReader(context),
    servers,
    glyphs: glyphsFor(context.environment),
    over,
    model: { tasks: [], health: servers.known },
    view: { ...FIRST_VIEW, task: taskDir },
    drawn: { lines: [], scrollMin: 0, scrollMax: 0, page: 1 },
    diff: [],
  };
  /** What is called by timers, signals and keys throws to nobody: a bug ends the command. */
  const guard = (work: (live: Live) => void) => {
    try {
      work(live);
    } catch (error) {
      over.reject(error);
    }
  };
  let isWhole = look(live);
  let tookMs = 0;
  const terminal = openTerminal(out, clock, {
    onKey: (key) => guard(() => onKey(live, key)),
    onDamage() {
      live.terminal?.forget();
      guard(draw);
    },
    onEnd: (signal) => over.resolve(exitCodeOfSignal(signal)),
  });
  live.terminal = terminal;
  let cancel = () => {};
  const nextMs = () =>
    isWhole ? Math.max(lookMs, Math.min(tookMs * LOOK_SHARE, LOOK_MS_MAX)) : AGAIN_MS;
  const tick = () => {
    const began = clock.monotonic();
    guard(() => isWhole = look(live));
    guard(draw);
    tookMs = clock.monotonic() - began;
    cancel = clock.after(nextMs(), tick);
  };
  try {
    draw(live);
    cancel = clock.after(nextMs(), tick);
    return await over.promise;
  } finally {
    cancel();
    terminal.close();
  }
}

/** Returns whether all was read. */
function look(live: Live): boolean {
  const { isWhole, ...looked } = live.look();
  live.servers.ask(looked.tasks);
  live.model = { ...looked, health: live.servers.known };
  return isWhole;
}

function draw(live: Live): void {
  const { context: { clock, output }, terminal, model, glyphs, message } = live;
  if (!terminal) return;
  // It stays the chosen one when others come before it.
  const view = { ...live.view, task: chosenTask(model, live.view)?.taskDir ?? live.view.task };
  live.view = view;
  if (message && clock.monotonic() > message.until) live.message = undefined;
  live.drawn = screen(model, detailsOf(live), {
    ...terminal.size(),
    view,
    now: clock.now(),
    glyphs,
    message: live.message?.text,
  });
  terminal.show(live.drawn.lines.map((line) => painted(line, output.out.colors)));
}

/** Only what is shown is read. */
function detailsOf({ model, view, details, diff }: Live): Details {
  const session = chosenTask(model, view)?.session;
  return {
    iterations: view.shows === "iterations" ? details.iterations(session) : [],
    output: view.shows === "output" ? details.output(session) : [],
    diff,
  };
}

function onKey(live: Live, key: string): void {
  const { model, details, drawn: { scrollMin, scrollMax, page } } = live;
  const isAbout = key === "d" || live.view.shows === "iterations";
  const iterations = isAbout ? details.iterations(chosenTask(model, live.view)?.session) : [];
  const { view, effect } = press(live.view, key, {
    tasks: listed(model, live.view).map(({ taskDir }) => taskDir),
    chosen: chosenTask(model, live.view)?.taskDir,
    iterations: iterations.map(({ number }) => number),
    scrollMin,
    scrollMax,
    page,
  });
  live.view = view;
  live.message = undefined;
  if (effect?.type !== "suspend" && effect?.type !== "quit") draw(live);
  if (effect) doEffect(live, effect);
}

function doEffect(live: Live, effect: Effect): void {
  const { over, terminal } = live;
  switch (effect.type) {
    case "quit":
      return over.resolve(EXIT.done);
    case "suspend":
      return void suspend(live).catch(over.reject);
    case "repaint":
      terminal?.forget();
      return draw(live);
    case "diff":
      return void showDiff(live).catch(over.reject);
    case "command":
      return void run(live, effect).catch(over.reject);
  }
}

/** Where the terminal has no shell, as in a window of tmux that only runs this, nobody could go on with it. */
async function suspend(live: Live): Promise<void> {
  if (await hasJobControl(live.context.clock)) live.terminal?.suspend();
  else say(live, "cannot be suspended: there is no shell that could go on with it");
}

async function showDiff(live: Live): Promise<void> {
  const task = chosenTask(live.model, live.view);
  const all = live.details.iterations(task?.session);
  const iteration = all.find(({ number }) => number === live.view.iteration) ?? all.at(0);
  if (!task || !iteration) return;
  live.diff = [`iteration ${iteration.number}: git is asked …`];
  draw(live);
  live.diff = await diffOf(live.context, { root: task.projectRoot, iteration });
  draw(live);
}

async function run(
  live: Live,
  { command, taskDir }: { command: TaskCommand; taskDir: string },
): Promise<void> {
  const { context, terminal } = live;
  const task = live.model.tasks.find((one) => one.taskDir === taskDir);
  if (!task || !terminal) return;
  say(live, `${command.name} ${task.name} …`);
  const said = await runCommand(context, command, { task, terminal });
  look(live);
  say(live, said);
}

function say(live: Live, text: string): void {
  const until = live.context.clock.monotonic() + MESSAGE_MS;
  live.message = text === "" ? undefined : { text, until };
  draw(live);
}
