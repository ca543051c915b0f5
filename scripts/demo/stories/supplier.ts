/** The third story: a supplier's risk. It shows work in parallel, citations, a rubric, and a person who decides above a threshold. */
import assert from 'node:assert/strict';
import type { Story, Submission } from './story.ts';

export const supplierGoal = (supplier: string, sides = 'procurement, finance, geopolitics, shipping'): Submission => ({
  requestedBy: 'paul',
  goal: {
    text: `Assess the supplier ${supplier}: ${sides}; report with sources; above 70 the head of procurement has to decide.`,
    rubric: 'The report tells the score and the source of every side, and the score altogether. It claims nothing else.',
    answer: {
      schema: {
        type: 'object',
        required: ['supplier', 'score'],
        properties: {
          supplier: { type: 'string' },
          score: { type: 'integer', minimum: 0, maximum: 100 },
          decision: { enum: ['accept', 'mitigate', 'drop'] },
        },
      },
      assert: ['result.data.score > 70 ? $exists(result.data.decision) : true', '$count(result.claims) > 0'],
    },
  },
});

export const supplier: Story = {
  title: 'Supplier risk',
  words:
    'From four sides at the same time: a record is looked up, and a model assesses it. Another one combines the scores. Above 70 the head of procurement decides, and nobody else may. The report says on which step each claim rests, and a model judges it by a rubric before it is given.',
  submission: supplierGoal('Nordwind Metall'),
  who: 'hedy',
  answers: { decide: { decision: 'mitigate', comment: 'find a second source by September' } },
  end: (run) => {
    assert.equal(run.status, 'completed');
    const { data } = run.answer as { data: { score: number; decision?: string } };
    assert.ok(data.score > 70);
    assert.equal(data.decision, 'mitigate');
    return [`decided: ${data.decision}, at a risk of ${data.score}`];
  },
};
