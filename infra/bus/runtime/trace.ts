/** Traces: every handling of a fact is a span of the trace that its run belongs to. Without an SDK registered it costs next to nothing. */
import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('reel');

/**
 * Does the work within a span, a child of the one that `traceparent` (W3C Trace Context) names, and hands on what names the new one.
 * @param name who does what, e.g. `policy step.request.requested`.
 */
export async function traced<T>(
  name: string,
  traceparent: string | undefined,
  work: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const [, traceId, spanId, flags] = traceparent?.split('-') ?? [];
  if (traceId === undefined || spanId === undefined) return await work(undefined);
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags ?? '0', 16), isRemote: true });
  const span = tracer.startSpan(name, { kind: SpanKind.CONSUMER }, parent);
  try {
    return await work(nameOf(span));
  } catch (error) {
    span.recordException(error as Error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function nameOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`;
}
