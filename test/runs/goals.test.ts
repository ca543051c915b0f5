/** Goals through the whole of a Reel on a real broker, with scripts for a model: at the edge, in the log, and on the command line. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isInvalid } from '@reel/bus/history.ts';
import type { ApprovalPage, Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const scenario = `
name: echoes
replies:
  - task: plan
    match: { goal: ^echo (?<n>\\d+) }
    tools: [echo]
    reply: { steps: [{ id: e, uses: echo, with: { value: = $number(match.n) } }] }
  - task: plan
    match: { goal: ^break }
    reply: { steps: [{ id: b, uses: broken, with: { of: 7 } }, { id: after, uses: echo, dependsOn: [b], with: { value: == steps.b.value } }] }
  - task: plan
    match: { goal: ^mistake }
    reply: { steps: [{ id: e, uses: ecko, with: { value: 1 } }] }
  - task: repair
    match: { errors.0: did you mean "echo" }
    reply: { steps: [{ id: e, uses: echo, with: { value: 1 } }] }
  - task: plan
    match: { goal: ^pay the inbox }
    reply: { steps: [{ id: list, uses: inbox }], more: pay each invoice that is listed }
  - task: continue
    match: { more: ^pay each }
    reply:
      steps: |-
        = $reduce($map(request.done.list.invoices, function($amount, $i) {
          $amount > 1000
            ? [
                { 'id': 'sure-' & $i, 'kind': 'person', 'uses': 'operators', 'prompt': 'pay ' & $amount & '?', 'form': { 'type': 'object' } },
                { 'id': 'pay-' & $i, 'uses': 'echo', 'with': { 'value': $amount }, 'dependsOn': ['sure-' & $i, 'list'] }
              ]
            : [{ 'id': 'pay-' & $i, 'uses': 'echo', 'with': { 'value': $amount }, 'dependsOn': ['list'] }]
        }), $append)
  - task: answer
    match: { goal: leak, reasons.0: card number }
    reply: { text: I cannot say., claims: [] }
  - task: answer
    match: { goal: leak }
    reply: { text: "Your card is 4111 1111 1111 1111.", claims: [] }
  - task: answer
    match: { goal: invent, reasons.0: nowhere }
    reply: { text: ok, claims: [] }
  - task: answer
    match: { goal: invent }
    reply: { text: ok, claims: [{ claim: it is so, step: nowhere }] }
  - task: answer
    where: $exists(request.results.e)
    reply: { text: "= 'It is ' & request.results.e.value", claims: [{ claim: "= $string(request.results.e.value)", step: e }] }
  - task: answer
    reply: { text: done, claims: [] }
  - task: judge
    match: { rubric: kind }
    reply: { pass: '= $contains(request.answer.text, "It is")', reasons: [it is not kind] }
  - task: revise
    fail: { status: 400 }
`;

const policies = `
@id("all") permit (principal, action, resource);
@id("mallory") @reason("not for mallory")
forbid (principal == User::"mallory", action == Action::"step", resource == Tool::"echo");
@id("no-cards") @reason("the answer contains a card number: leave it out")
forbid (principal, action == Action::"answer", resource) when { context.findings.contains("card-number") };
`;

let reel: LocalReel;
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-goals-'));
  for (const folder of ['scenarios', 'policies']) await mkdir(join(dir, folder));
  await writeFile(join(dir, 'scenarios/echoes.yaml'), scenario);
  await writeFile(join(dir, 'policies/all.cedar'), policies);
  reel = await startReel({
    modules: [join(import.meta.dirname, '../fixtures/tools.ts')],
    policies: join(dir, 'policies'),
    env: { REEL_SCENARIOS: join(dir, 'scenarios') },
  });
  process.env['REEL_API'] = reel.api;
});
after(async () => {
  await reel.close();
  await rm(dir, { recursive: true, force: true });
});

const pursue = async (goal: unknown, more: object = {}): Promise<Run> => {
  const { body, status } = await reel.pursue({ goal, ...more });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};
const text = (words: string, more: object = {}): object => ({ text: words, escalate: [], ...more });
const factsOf = async (run: Run): Promise<{ address: string; type: string; data: never }[]> => {
  const { entries, findings } = await reel.log(run.id);
  assert.deepEqual(findings, []);
  return entries.flatMap((entry) =>
    isInvalid(entry) ? [] : [{ address: entry.address.slice(33), type: entry.type, data: entry.data as never }],
  );
};

describe('a goal', () => {
  it('is planned, carried out and answered, each by a step that was judged', async () => {
    const run = await pursue('echo 42');
    assert.equal(run.status, 'completed');
    assert.deepEqual(run.answer, { text: 'It is 42', claims: [{ claim: '42', step: 'e' }] });
    assert.deepEqual([run.goal, run.usage.calls, run.usage.scripted], ['echo 42', 2, true]);
    assert.deepEqual(
      run.steps.map(({ id, status }) => `${id} ${status}`),
      ['plan-1 accepted', 'e accepted', 'answer-2 accepted'],
    );
  });

  it('that depends on what is not known yet is looked into first, and then planned for all that was found', async () => {
    const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { goal: 'pay the inbox' });
    for await (const told of follow(body.id)) {
      if (!('type' in told) || told.type !== 'step.verdict.held') continue;
      const { approvals } = (await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${body.id}`)).body;
      assert.deepEqual(
        approvals.map(({ prompt }) => prompt),
        ['pay 1200?'],
      );
      await reel.ask('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'grant', who: 'ada', why: 'it is due', form: {} });
    }
    const run = (await reel.ask<Run>('GET', `/v1/runs/${body.id}`)).body;
    assert.equal(run.status, 'completed', JSON.stringify(run.problem));
    const steps = run.steps.filter(({ kind }) => kind === 'tool').map(({ id, status, result }) => [id, status, result]);
    assert.deepEqual(
      steps.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      [
        ['list', 'accepted', { invoices: [90.5, 1200, 30] }],
        ['pay-0', 'accepted', { value: 90.5 }],
        ['pay-1', 'accepted', { value: 1200 }],
        ['pay-2', 'accepted', { value: 30 }],
      ],
    );
    const facts = await factsOf(run);
    assert.deepEqual(facts.filter(({ type }) => type === 'plan.proposal.proposed').length, 3);
    assert.equal(facts.filter(({ type, address }) => type === 'step.request.requested' && address.includes('.list.')).length, 1);
  });

  it('has a plan mended that names no tool, with the errors told', async () => {
    const run = await pursue(text('mistake'));
    assert.equal(run.status, 'completed');
    const [repair] = (await factsOf(run)).filter(({ type, address }) => type === 'step.request.requested' && address.includes('plan-2'));
    const { errors } = (repair as unknown as { data: { call: { arguments: { errors: string[] } } } }).data.call.arguments;
    assert.match(errors[0] as string, /^steps\[0\]\.uses: there is no tool "ecko"/);
  });

  it('has its answer mended that policy denies, and what leaked is not given', async () => {
    const run = await pursue(text('echo 1 and leak'));
    assert.deepEqual(run.answer, { text: 'I cannot say.', claims: [] });
    assert.ok((await factsOf(run)).some(({ type }) => type === 'answer.verdict.denied'));
  });

  it('has its answer mended that cites what is not there', async () => {
    const run = await pursue(text('echo 1 and invent'));
    assert.deepEqual([run.status, run.answer], ['completed', { text: 'ok', claims: [] }]);
    assert.ok((await factsOf(run)).some(({ type }) => type === 'answer.check.rejected'));
  });

  it('is judged by its rubric, and fails for what the judge has against it', async () => {
    assert.equal((await pursue(text('echo 1', { rubric: 'be kind' }))).status, 'completed');
    const run = await pursue(text('echo 1 and leak', { rubric: 'be kind' }));
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message as string, /by the rubric: it is not kind/);
  });

  it('shows a model only the tools that whoever asks may use', async () => {
    const run = await pursue(text('echo 5'), { requestedBy: 'mallory' });
    assert.equal(run.problem?.code, 'model-unscripted', 'the script needs the tool');
    const [asked] = (await factsOf(run)).filter(({ type }) => type === 'step.request.requested');
    const { tools } = (asked as unknown as { data: { call: { arguments: { tools: { name: string }[] } } } }).data.call.arguments;
    assert.ok(tools.length > 0 && !tools.some(({ name }) => name === 'echo'));
  });

  it('that no script covers says how to configure a model', async () => {
    const run = await pursue('sing');
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message as string, /no script covers .*goal "sing".*OPENAI_API_KEY/);
  });

  it('turns to a person when all else has failed, who supplies what is missing, and tells nobody what is inside', async () => {
    const goal = { text: 'break it', escalate: [{ to: 'ada', withinMs: 60_000 }] };
    const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { goal });
    for await (const told of follow(body.id)) {
      assert.doesNotMatch(JSON.stringify(told), /10\.0\.0\.7/);
      if (!('type' in told) || told.type !== 'step.verdict.held') continue;
      const { approvals } = (await reel.ask<ApprovalPage>('GET', '/v1/approvals')).body;
      const mine = approvals.find(({ run }) => run === body.id);
      assert.deepEqual([mine?.step, mine?.uses], ['plan-3-escalation-1', 'ada'], 'no model could revise the plan');
      const form = { action: 'supply', result: { steps: [{ id: 'e', uses: 'echo', with: { value: 9 } }] } };
      await reel.ask('POST', `/v1/approvals/${mine?.id}`, { decision: 'grant', who: 'ada', why: 'I know', form });
    }
    const run = (await reel.ask('GET', `/v1/runs/${body.id}`)).body;
    assert.deepEqual([run.status, run.answer], ['completed', { text: 'It is 9', claims: [{ claim: '9', step: 'e' }] }]);
  });
});

describe('what is asked for at the edge', () => {
  const refused = async (body: object): Promise<string> => {
    const answer = await reel.ask('POST', '/v1/runs', body);
    assert.ok(answer.status >= 400, `${answer.status}`);
    return JSON.stringify(answer.body);
  };
  it('is a workflow or a goal', async () => {
    assert.match(await refused({}), /either a workflow or a goal/);
    assert.match(await refused({ goal: 'x y', workflow: 'name: x' }), /either a workflow or a goal/);
    assert.match(await refused({ goal: '   ' }), /goal/);
    assert.match(await refused({ goal: { text: 'x', colour: 1 } }), /colour/);
  });
  it('is an answer that can be checked', async () => {
    assert.match(await refused({ goal: { text: 'x', answer: { schema: { type: 'strange' } } } }), /body\.goal\.answer\.schema/);
    assert.match(await refused({ goal: { text: 'x', answer: { assert: ['1 +'] } } }), /body\.goal\.answer\.assert\[0\]/);
  });
  it('is checked: data by its schema, and what must be true', async () => {
    const run = await pursue(text('echo 1', { answer: { schema: { type: 'object' } } }));
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message as string, /data/);
    const asserted = await pursue(text('echo 1', { answer: { assert: ['$contains(result.text, "3")'] } }));
    assert.match(asserted.problem?.message as string, /contains/);
  });
  it('needs somebody to perform it', async () => {
    assert.match(
      await refused({ workflow: { name: 'x', steps: [{ id: 'a', kind: 'smoke' }] } }),
      /nobody performs steps of kind \\"smoke\\"/,
    );
    const step = { id: 'a', kind: 'model', prompt: 'x', needs: { capabilities: ['vision'] } };
    assert.match(await refused({ workflow: { name: 'x', steps: [step] } }), /there is no model that can vision.*scripted/);
  });
});

describe('on the command line', () => {
  const cli = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [join(import.meta.dirname, '../../scripts/reel.ts'), ...args], { cwd: dir }, (error, stdout, stderr) =>
        resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr }),
      );
    });
  it('a goal is run in words, and answered with what each claim rests on', async () => {
    const { stdout, code } = await cli('run', 'echo 42, please', '--tokens');
    assert.equal(code, 0);
    assert.match(stdout, /goal: echo 42, please\nanswer: It is 42\n {2}\[e\] 42\n[\s\S]*scripted/);
  });
  it('its plan is shown before it is carried out, and carried out when somebody says so', async () => {
    const { stdout, code } = await cli('run', 'echo 42, please', '--plan', '--by', 'ada');
    assert.equal(code, 0);
    const id = /npx reel approve (\S+) --who ada/.exec(stdout)?.[1] as string;
    assert.match(stdout, /The plan:\n +1 {2}e {2}tool echo {2}\{"value":42\}/);
    const run = id.split('.')[1] as string;
    assert.equal((await reel.ask('GET', `/v1/runs/${run}`)).body.status, 'running');
    assert.match((await cli('approve', id, '--who', 'ada')).stdout, /granted/);
    assert.match((await cli('tail', run)).stdout, /answer: It is 42/);
  });
  it('what is neither a file nor a goal is said', async () => {
    assert.match((await cli('run', 'sing')).stderr, /cannot be read: the first argument is the file of a workflow, or a goal in words/);
    await writeFile(join(dir, 'w.yaml'), 'name: w');
    assert.match((await cli('run', 'w.yaml', '--plan')).stderr, /--plan goes with a goal/);
  });
});
