import { z } from 'zod';

const lineSchema = z.object({
  /** With nanoseconds, UTC: times are in the order of their texts. */
  time: z.string().optional(),
  stream: z.enum(['stdout', 'stderr']),
  /** Base64. */
  data: z.string(),
});
export type LogLine = z.infer<typeof lineSchema>;

const entrySchema = z.union([lineSchema, z.object({ end: z.string() })]);
export type LogEntry = z.infer<typeof entrySchema>;

/** The entries of a log as they come: lines of JSON, between them empty ones as signs of life. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<LogEntry[]> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield lines.filter((line) => line !== '').map((line) => entrySchema.parse(JSON.parse(line)));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
