// A performer of steps of the kind `sms`. The bus does the rest: starting, time-outs, retries, late results.
import { definePerformer, Failure } from '@reel/sdk';

export default definePerformer({
  name: 'sms-sender',
  kind: 'sms',
  perform: async ({ arguments: { to, text } }, { key, signal }) => {
    const url = process.env['SMS_URL'] ?? 'http://127.0.0.1:9001';
    const response = await fetch(url, { method: 'POST', signal, headers: { 'idempotency-key': key }, body: JSON.stringify({ to, text }) });
    if (response.status === 422) throw new Failure({ code: 'bad-number', message: `${JSON.stringify(to)} is no number`, retryable: false });
    if (!response.ok) throw new Error(`the SMS service answered ${response.status}`);
    return { sent: true };
  },
});
