/** What git does for the delivery, waited for in sight of others: a commit runs hooks, and may be signed. */
import type { Clock } from "../clock.ts";
import { type Activity, waitingForGit } from "../loop/activity.ts";
import type { DeliveryGit } from "../loop/iteration/delivery.ts";
import { tellIfSlow } from "../loop/server/retry.ts";

const WAITS = {
  state: waitingForGit("it tells the state of the repository"),
  bring: waitingForGit("it moves the task's branch forward"),
  strayLinks: waitingForGit("it looks through the new commits"),
  whereabouts: waitingForGit("it looks for what was changed and not committed"),
  commit: waitingForGit("it commits, hooks and signing included"),
};

/** The same answers; slow ones are told. */
export function patientDelivery(
  git: DeliveryGit,
  { clock, tell }: { clock: Clock; tell: (activity: Activity) => void },
): DeliveryGit {
  const waited = <T>(work: Promise<T>, slow: Activity) => tellIfSlow(work, { clock, slow, tell });
  return {
    setup: git.setup,
    lastMessage: git.lastMessage,
    state: (root) => waited(git.state(root), WAITS.state),
    bring: (root, to) => waited(git.bring(root, to), WAITS.bring),
    strayLinks: (root, trees) => waited(git.strayLinks(root, trees), WAITS.strayLinks),
    whereabouts: (root, sought) => waited(git.whereabouts(root, sought), WAITS.whereabouts),
    commit: (root, order) => waited(git.commit(root, order), WAITS.commit),
  };
}
