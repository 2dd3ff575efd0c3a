import type { EngineAdapter, Launch } from './adapter.ts'

/** Placeholders in the words of a command. */
const places = ({ address, model, path, devices = '' }: Launch): Record<string, string> => ({
  port: 'port' in address ? String(address.port) : '',
  socket: 'socket' in address ? address.socket : '',
  name: model,
  path,
  gpus: devices
})

/** Any server of OpenAI's routes: its command says where it listens and what it loads. */
export const openai: EngineAdapter = Object.freeze<EngineAdapter>({
  name: 'a server of OpenAI\'s routes',
  levels: [3],
  readyPath: '/v1/models',
  argv (launch) {
    const values = places(launch)
    // Other words in braces belong to the program.
    const fill = (word: string) => word.replace(/\{(port|socket|name|path|gpus)\}/g, (_, name) => values[name]!)
    return [...launch.command.map(fill), ...launch.args.map(fill)]
  },
  usesSocket: command => command.some(word => word.includes('{socket}'))
})
