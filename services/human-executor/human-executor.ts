/** The performer of steps of kind person: the form filled in with the grant is the result. */
import { definePerformer, Failure } from '@reel/bus/service.ts';

export default definePerformer({
  name: 'human-executor',
  kind: 'person',
  perform: async ({ at, form }) => {
    if (form !== undefined) return form;
    const message = `step "${at.id}" was approved without asking a person: policy must hold steps of kind person`;
    throw new Failure({ code: 'no-one-to-ask', message, step: at.id, retryable: false });
  },
});
