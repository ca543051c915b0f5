/** The performer of steps that people do: what they filled in when they granted it is what comes of it. */
import { definePerformer, Failure } from '@reel/bus/service.ts';

export default definePerformer({
  name: 'human-executor',
  kind: 'person',
  perform: async ({ at, form }) => {
    if (form !== undefined) return form;
    const message = `step "${at.id}" was let pass without a person having been asked: policy must hold steps of kind person`;
    throw new Failure({ code: 'no-one-to-ask', message, step: at.id, retryable: false });
  },
});
