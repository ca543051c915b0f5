/** People as performers: a step for a person is done when they have answered, and what they filled in is its result. */
import { definePerformer, Failure } from '@reel/bus/service.ts';

export default definePerformer({
  name: 'desk',
  kind: 'person',
  perform: async ({ form, uses }) => {
    if (form !== undefined) return form;
    throw new Failure({ code: 'nobody-asked', message: `"${uses}" was let through without an answer: a policy has to hold it, or the vote lacks its form`, retryable: false });
  },
});
