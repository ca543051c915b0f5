/** Tools in process: loads the modules that the configuration names, and calls what they export. */
import { pathToFileURL } from 'node:url';
import { resolveSdkAnywhere } from '@reel/bus/process/module-resolution.ts';
import { Failure } from '@reel/bus/service.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { type InProcessTool, isInProcessTool } from '../../infra/bus/define-tool.ts';
import type { Offer } from './catalog.ts';
import { ConfigError } from './config.ts';
import { ofModule } from './definition.ts';

/** @throws ConfigError when a module cannot be loaded, has no tools, or has a name twice, or settings that are none. */
export async function loadModules(paths: readonly string[]): Promise<Offer[]> {
  const offers = new Map<string, Offer>();
  resolveSdkAnywhere();
  for (const path of paths) {
    const module = (await import(pathToFileURL(path).href).catch((error: Error) => {
      throw new ConfigError(`modules: ${path} cannot be loaded: ${error.message}`);
    })) as Record<string, unknown>;
    const tools = [...new Set(Object.values(module).flat())].filter(isInProcessTool);
    if (tools.length === 0) throw new ConfigError(`modules: ${path} exports no tools; expected exports made by defineTool(…)`);
    for (const tool of tools) {
      if (offers.has(tool.name))
        throw new ConfigError(`modules: ${path}: there is a tool named "${tool.name}" already; expected every name once`);
      offers.set(tool.name, offerOf(tool, path));
    }
  }
  return [...offers.values()];
}

function offerOf(tool: InProcessTool, path: string): Offer {
  const definition = definitionOf(tool, path);
  const [wrong] = ToolDefinition.safeParse(definition).error?.issues ?? [];
  if (wrong !== undefined) throw new ConfigError(`modules: ${path}: the tool "${tool.name}": ${wrong.path.join('.')}: ${wrong.message}`);
  return { definition, call: (args, called) => run(tool, args, called) };
}

function definitionOf(tool: InProcessTool, path: string): ToolDefinition {
  try {
    return ofModule(tool);
  } catch (error) {
    throw new ConfigError(
      `modules: ${path}: the tool "${tool.name}" has a schema that JSON Schema cannot say: ${(error as Error).message}`,
    );
  }
}

const run: (tool: InProcessTool, ...given: Parameters<Offer['call']>) => ReturnType<Offer['call']> = async (
  tool,
  args,
  { signal, key },
) => {
  const parsed = tool.input.safeParse(args);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`).join('; ');
    throw new Failure({ code: 'invalid-arguments', message: `${tool.name}: ${wrong}`, retryable: false });
  }
  try {
    return await tool.run(parsed.data as never, { signal, key });
  } catch (error) {
    // What breaks off because it was told to has not answered.
    if (error instanceof Failure || signal.aborted) throw error;
    throw new Failure({
      code: 'tool-error',
      message: `${tool.name}: ${error instanceof Error ? error.message : String(error)}`,
      retryable: true,
    });
  }
};
