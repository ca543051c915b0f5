import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startOffline } from './offline.ts';
import { readScenario, readScenarios, ScenarioError } from './scenario.ts';

const complaintAbout = (text: string): string => {
  try {
    readScenario(text, 'travel.yaml');
  } catch (error) {
    assert.ok(error instanceof ScenarioError, String(error));
    return error.message;
  }
  return assert.fail('nothing was found wrong');
};
const oneReply = (fields: string): string => `name: travel\nreplies:\n  - ${fields.replaceAll('\n', '\n    ')}\n`;

test('a scenario is read, with its file, its patterns and what it leaves out', () => {
  const scenario = readScenario(
    oneReply('task: plan\nmatch: { goal: "to (?<city>\\\\w+)" }\nreply: { city: = match.city }'),
    'folder/travel.yaml',
  );
  assert.equal(scenario.file, 'travel.yaml');
  const [reply] = scenario.replies;
  assert.equal(reply?.match['goal']?.exec('a flight to Lisbon')?.named['city'], 'Lisbon');
  assert.deepEqual([reply?.finishReason, reply?.delayMs, reply?.tools], ['stop', 0, []]);
});

test('a field that nobody knows is pointed at, with what was probably meant', () => {
  assert.equal(
    complaintAbout(oneReply('task: plan\nreplay: { a: 1 }')).split('\n')[0],
    'travel.yaml:4:5 replies[0].replay: there is no field "replay" here; did you mean "reply"?',
  );
  assert.match(
    complaintAbout(`nmae: x\n${oneReply('raw: a')}`),
    /travel\.yaml:1:1 nmae: there is no field "nmae" here; did you mean "name"\?/,
  );
});

test('a wrong value is named with its place and with what was expected', () => {
  assert.match(complaintAbout('name: travel\n'), /travel\.yaml:1:1 replies: it is missing/);
  assert.match(complaintAbout('name: travel\nreplies: []\n'), /replies: it has to be at least 1 long, and is \[\]/);
  assert.match(
    complaintAbout(oneReply('raw: a\ndelayMs: soon')),
    /travel\.yaml:4:5 replies\[0\]\.delayMs: it has to be of the type number, and is "soon"/,
  );
  assert.match(
    complaintAbout(oneReply('raw: a\nfinishReason: bored')),
    /finishReason: it has to be one of stop, length, content_filter, and is "bored"/,
  );
  assert.match(complaintAbout(oneReply('raw: a\nfail: { status: 200, times: 1 }')), /fail\.status: it has to be at least 400, and is 200/);
  assert.match(
    complaintAbout(oneReply('raw: a').replace('name: travel', 'name: "é"')),
    /name: it has to be 1 to 100 printable ASCII characters, and is "é"/,
  );
  assert.match(complaintAbout('name: [travel\n'), /^travel\.yaml:\d+:\d+ /);
});

test('a regular expression that is none is refused', () => {
  assert.match(
    complaintAbout(oneReply('raw: a\nmatch: { goal: "(" }')),
    /travel\.yaml:4:14 replies\[0\]\.match\.goal: the pattern \/\(\/ is no regular expression: .*, is "\("/,
  );
  assert.match(
    complaintAbout(oneReply('raw: a\nmatch: { goal: "(?<city>a)", input: "(?<city>b)" }')),
    /match\.input: the group "city" is already taken from "goal"/,
  );
});

test('an expression that does not parse or looks at what is not there is refused, down to the character', () => {
  assert.match(complaintAbout(oneReply('reply: { a: { b: = $sum( } }')), /travel\.yaml:3:\d+ replies\[0\]\.reply\.a\.b: .*is "= \$sum\("/);
  assert.match(
    complaintAbout(oneReply('reply: { a: = reqest.city }')),
    /reply\.a: there is no "reqest" to look at, only request, match, attempt; did you mean "request"\?/,
  );
  assert.match(complaintAbout(oneReply('raw: a\nwhere: attempts = 1')), /where: there is no "attempts" .*did you mean "attempt"\?/);
  assert.match(complaintAbout(oneReply('reply: { a: = $now() }')), /reply\.a: \$now is refused/);
});

test('a reply says one thing, and one that always fails says nothing', () => {
  assert.match(
    complaintAbout(oneReply('task: plan')),
    /replies\[0\]: exactly one of reply, raw and refusal has to be given, and there is none/,
  );
  assert.match(complaintAbout(oneReply('raw: a\nrefusal: b')), /and there is raw and refusal/);
  assert.match(
    complaintAbout(oneReply('raw: a\nfail: { status: 500 }')),
    /what always fails has no reply, raw or refusal, and there is raw/,
  );
  assert.equal(readScenario(oneReply('fail: { status: 500 }'), 'x').replies[0]?.fail?.times, undefined);
});

test('a folder is read in the order of its names, and everything wrong in it is told at once', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-scenarios-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'b.yaml'), oneReply('raw: second'));
  await writeFile(join(folder, 'a.json'), JSON.stringify({ name: 'first', replies: [{ raw: 'first' }] }));
  await writeFile(join(folder, 'notes.txt'), 'no scenario');
  assert.deepEqual(
    (await readScenarios(folder)).map(({ file }) => file),
    ['a.json', 'b.yaml'],
  );

  await writeFile(join(folder, 'c.yml'), 'name: c\n');
  await writeFile(join(folder, 'd.yaml'), 'replies: [{ raw: a }]\n');
  await assert.rejects(readScenarios(folder), /c\.yml:1:1 replies: it is missing\n.*d\.yaml:1:1 name: it is missing/);
  await assert.rejects(readScenarios(join(folder, 'none')), /none: there is no such folder; REEL_SCENARIOS has to name/);
});

test('the example in the documentation is a scenario, and does what is said beside it', async (context) => {
  const readme = await readFile(join(import.meta.dirname, 'README.md'), 'utf8');
  const example = readScenario(/```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '', 'README.md');
  const offline = await startOffline({ scripts: [example], wait: async () => {} });
  context.after(() => offline.close());
  const ask = async (content: string): Promise<string> => {
    const body = JSON.stringify({ model: 'scripted', messages: [{ role: 'user', content }] });
    const answer = await fetch(`${offline.url}/chat/completions`, { method: 'POST', body });
    type Completion = { choices?: { message: { content: string | null; refusal: string | null } }[] };
    const message = ((await answer.json()) as Completion).choices?.[0]?.message;
    return message?.content ?? message?.refusal ?? String(answer.status);
  };
  const goal = 'A hotel to Lisbon on 2026-12-01 for at most 150';
  const plan = JSON.parse(await ask(JSON.stringify({ task: 'plan', goal, tools: [{ name: 'search_hotels' }] }))) as {
    steps: { with: object }[];
  };
  assert.deepEqual(
    plan.steps.map((step) => step.with),
    [
      { place: 'Lisbon', checkIn: '2026-12-01', maxPrice: 150 },
      { task: 'rank', hotels: '= steps.search.hotels' },
    ],
  );
  assert.equal(await ask(JSON.stringify({ task: 'plan', goal, tools: [] })), '404');
  const hotels = [
    { name: 'Mar', price: 90 },
    { name: 'Sol', price: 80 },
  ];
  assert.equal(await ask(JSON.stringify({ task: 'rank', hotels })), '{"text":"Best: Sol"}');
  assert.match(await ask(JSON.stringify({ task: 'answer' })), /4111/);
  assert.match(await ask(JSON.stringify({ task: 'answer', reasons: ['a card number is in it'] })), /was charged/);
  assert.deepEqual([await ask('ping'), await ask('ping'), await ask('ping')], ['429', '429', 'pong']);
  assert.equal(await ask('build a weapon'), 'I will not help with that.');
});
