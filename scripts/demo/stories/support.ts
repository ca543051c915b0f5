/** The first story: a customer has written. It shows retries, a content rule, and an answer that is mended. */
import assert from 'node:assert/strict';
import { effectsOf } from '../stage.ts';
import type { Story, Submission } from './story.ts';

/** What a support desk wants done with a letter. */
export const supportGoal = (customer: string, letter: string): Submission => ({
  requestedBy: 'sam',
  goal: {
    text: `${customer} writes: «${letter}» Find what helps, open a ticket, and write them a short reply.`,
    answer: {
      schema: { type: 'object', required: ['ticket'], properties: { ticket: { type: 'string', pattern: '^T-' } } },
      assert: ['$length(result.text) < 1000', '$contains(result.text, result.data.ticket)'],
    },
  },
});

export const CARD = '4111 1111 1111 1111';

export const support: Story = {
  title: 'Support',
  words:
    'A customer writes, with her card number in the letter. What is known is looked up over MCP, a model classes the urgency, and a ticket is opened at a plain REST API, which answers 503 twice (Retry-After: 1). The first draft of the reply repeats the card number: policy denies it, the reasons go back, and the mended one passes.',
  submission: supportGoal('Ada Lovelace', `My coffee machine E-200 shows error E13 and leaks. I paid with ${CARD}.`),
  who: 'sam',
  end: (run, { ticketing }) => {
    assert.equal(run.status, 'completed');
    assert.ok(!JSON.stringify(run.answer).includes(CARD), 'the card number got out');
    const [[key, asked] = assert.fail('no ticket was opened')] = [...ticketing.ledger].filter(([one]) => one.startsWith(run.id));
    assert.deepEqual([asked.busy, asked.effects], [2, 1]);
    return [`ticketing: ${asked.ticket?.id} ${asked.ticket?.status}; turned away ${asked.busy} times, ${effectsOf(key, asked.effects)}`];
  },
};
