/** What the planner tells models: instructions for plans, answers and judgements, and the JSON Schemas of what it wants back. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';

const language = `A plan is JSON: { "steps": [ ... ] }. Each step has
- "id": 1 to 48 of A-Z a-z 0-9 _ -, unique, and none of the ids that were used before;
- "kind": "tool" (call one of the tools), "model" (have a language model interpret, filter, rank, summarise ...), or "person" (ask somebody);
- "uses": for a tool its name; for a person who is asked (one of "people"); for a model leave it out;
- "with": its arguments as an object. A string that begins with "=" is a JSONata expression over "input" and "steps" ("=steps.search.hotels[0].id"; an id with a dash stands in backticks); "==" at the beginning stands for a plain "=". Everything else is literal;
- "dependsOn": the ids of all steps whose results it names; steps that do not depend on each other are carried out at the same time;
- "when" (optional): a JSONata expression; unless it is true, the step is skipped;
- "prompt": for a model its instructions, for a person the question;
- "output": for a model the JSON Schema of its result (without one it is { "text": ... });
- "form": for a person the JSON Schema of what they fill in; it becomes the step's result;
- "retry" (optional): { "attempts", "delayMs" }; "fallback" (optional): another step without id, done instead when this one has failed;
- "timeoutMs", "assert" (optional; JSONata expressions over "result" that must be true).
A plan that depends on data which nobody has seen yet (the mails of an inbox, the rows of a list, which of several cases it is) is made in stages: give the steps that look first, and beside "steps" a text "more" that says what is to be planned once they are done, e.g. { "steps": [{ "id": "list", "kind": "tool", "uses": "list_invoices", "with": {} }], "more": "pay each open invoice that was found" }. You are then asked again, with the results. Never guess how many things there will be, and never plan for the first of them only. Leave "more" out as soon as the steps reach the goal.
Use only the tools that are listed, with arguments as their schemas say. Plan no step for composing the final answer: that is done afterwards, from all results. Let a person choose or confirm where the goal says so or where something cannot be undone.`;

const tasks = {
  plan: `You plan how a goal is reached. The message gives the goal, the run's input, the tools there are and the people who can be asked.\n\n${language}`,
  repair: `You plan how a goal is reached. The plan that you made ("plan") cannot be carried out: "errors" says why. Give the whole of the mended plan; leave out steps that are done or under way, which remain as they are and whose results may be named. Where there is "more", it says what the plan was to be made for.\n\n${language}`,
  revise: `You plan how a goal is reached. It was begun, and some steps have failed for good ("failed"). What is "done" (with its results) and what is under way ("underWay") remains as it is, and may be named and depended on. Give only the new steps that lead to the goal another way; their ids must not be among "used". Where there is "more", it says what was to be planned after them: plan that as well, or leave it for later in "more" again.\n\n${language}`,
  continue: `You plan how a goal is reached. It was planned in stages, and the steps so far are over: "done" has their results. "more" says what was left to be planned. Plan it now, for everything that the results show: give only the new steps, whose ids must not be among "used"; they may name what is done and depend on it.\n\n${language}`,
  answer: `You compose the answer to a goal from the results of the steps that were carried out ("results", by step id). Claim nothing that they do not bear out. Give { "text": the answer for whoever asked, "claims": [ { "claim": a statement in the answer, "step": the id of the step whose result it rests on } ] } and "data" where the schema asks for it. Where "previous" was not accepted, "reasons" says why: mend it.`,
  judge: `You judge an answer by a rubric, strictly. "results" is what it has to rest on. Give { "pass": true or false, "reasons": [ what is wrong, each in a sentence ] }.`,
};
export const promptFor = (task: keyof typeof tasks): string => tasks[task];

export const judgementSchema: JsonSchema = {
  type: 'object',
  required: ['pass', 'reasons'],
  properties: { pass: { type: 'boolean' }, reasons: { type: 'array', items: { type: 'string' } } },
};

/** The same value as a template: a text that begins with `=` is meant as it is. */
export function literal(value: Json): Json {
  if (typeof value === 'string') return value.startsWith('=') ? `=${value}` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(literal);
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, literal(inside)]));
}
