/** What processes take of memory, from the kernel. */
import { readFile } from 'node:fs/promises';

export type Memory = { readonly nowMb: number; readonly peakMb: number };

/** Resident memory of a process, now and at its highest. */
export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}
