import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfigText } from '../../../../lib/cli/config/read.ts'
import { resolveOptions } from '../../../../lib/options/index.ts'

// What people have in configurations of llama-swap's, as its example and ten public ones use its fields; written anew, with other models.

interface Case {
  text: string
  /** Of each model, what is not the same everywhere. */
  models: Record<string, object>
  /** The fields that are told of. */
  notes?: string[]
  timeouts?: object
  keys?: string[]
}

const cases: Record<string, Case> = {
  'every field of the example': {
    text: `
healthCheckTimeout: 500
logLevel: info
logTimeFormat: ""
logToStdout: proxy
metricsMaxInMemory: 1000
captureBuffer: 15
startPort: 10001
sendLoadingState: true
includeAliasesInList: false
globalTTL: 0
macros:
  server: >
    /opt/server
    --port \${PORT}
  context: 4096
  common: "--ctx-size \${context}"
  folder: "\${env.LLMUX_TEST_HOME}/models"
apiKeys: [one, "\${env.LLMUX_TEST_KEY}"]
models:
  large:
    macros: { context: 16384, temp: 0.7 }
    cmd: |
      # a comment
      \${server}
      --model \${folder}/large.gguf
      \${common} --temperature \${temp}
    name: Large
    description: thinks
    env: ["CUDA_VISIBLE_DEVICES=0,1,2"]
    proxy: http://127.0.0.1:8999
    checkEndpoint: /ready
    ttl: 60
    useModelName: org/large
    filters:
      stripParams: "temperature, top_k"
      setParams: { top_p: 0.9 }
      setParamsByID:
        "\${MODEL_ID}": { effort: medium }
        "\${MODEL_ID}:high": { effort: high }
    aliases: [{ id: gpt, name: GPT, unlisted: false }]
    metadata: { port: "\${PORT}", list: [1, "\${MODEL_ID}"] }
    concurrencyLimit: 0
    sendLoadingState: false
    timeouts: { connect: 30, responseHeader: 60 }
  hidden:
    unlisted: true
    cmd: server --port \${PORT} -m hidden.gguf
  docker:
    proxy: "http://127.0.0.1:\${PORT}"
    cmd: |
      docker run --name \${MODEL_ID} --init --rm -p \${PORT}:8080 -v /mnt/models:/models
      image:server --model '/models/docker.gguf'
    cmdStop: docker stop \${MODEL_ID}
matrix:
  vars: { l: large, h: hidden, d: docker }
  evict_costs: { d: 50 }
  sets:
    pair: "(l | h) & d"
    alone: l
hooks: { on_startup: { preload: [hidden, absent] } }
peers:
  neighbour:
    proxy: http://192.168.1.23
    models: [model_a, embeddings/model_b]
  cloud:
    proxy: https://cloud.example/api
    apiKey: "\${env.LLMUX_TEST_KEY}"
    models: [other]
    filters: { stripParams: temperature }
`,
    timeouts: { start: 500_000 },
    keys: ['one', 'secret'],
    models: {
      large: { command: ['/opt/server', '--port', '10001', '--model', '/home/me/models/large.gguf', '--ctx-size', '16384', '--temperature', '0.7'], port: 8999, gpus: [0, 1, 2], readyPath: '/ready', idleTimeout: 60_000, aliases: ['gpt', 'large:high'], gpuShare: 0.5 },
      hidden: { command: ['server', '--port', '10002', '-m', 'hidden.gguf'], port: 10002, preload: true, gpuShare: 0.5 },
      docker: { command: ['docker', 'run', '--name', 'docker', '--init', '--rm', '-p', '10003:8080', '-v', '/mnt/models:/models', 'image:server', '--model', '/models/docker.gguf'], stopCommand: ['docker', 'stop', 'docker'], port: 10003, gpuShare: 0.5 }
    },
    notes: [
      'captureBuffer', 'hooks.on_startup.preload', 'includeAliasesInList', 'logTimeFormat', 'logToStdout', 'matrix', 'matrix', 'matrix', 'matrix.evict_costs', 'metricsMaxInMemory',
      ...['description', 'filters', 'metadata', 'name', 'sendLoadingState', 'timeouts', 'useModelName'].map(name => `models["large"].${name}`),
      'models["hidden"].unlisted', 'peers', 'sendLoadingState'
    ]
  },
  'one port for all, quoted programs': {
    text: `
healthCheckTimeout: 30
models:
  "small:1b":
    proxy: "http://127.0.0.1:9999"
    cmd: |
      "/Users/me/my bin/server"
      -m "/Users/me/small.gguf" --port 9999 --jinja
    ttl: 300
`,
    timeouts: { start: 30_000 },
    models: { 'small:1b': { command: ['/Users/me/my bin/server', '-m', '/Users/me/small.gguf', '--port', '9999', '--jinja'], port: 9999, idleTimeout: 300_000 } }
  },
  'vLLM in a virtual environment, with times to unload': {
    text: `
healthCheckTimeout: 360
logToStdout: both
startPort: 18200
sendLoadingState: false
unloadTimeout: 30
models:
  half:
    cmd: >-
      /venv/bin/python -m vllm.entrypoints.openai.api_server --model /models/half
      --host 127.0.0.1 --port \${PORT}
    proxy: http://127.0.0.1:\${PORT}
    checkEndpoint: /health
    unloadTimeout: 45
    env: ["CUDA_HOME=/cuda", "PATH=/cuda/bin:/usr/bin"]
`,
    timeouts: { start: 360_000, stop: 30_000 },
    models: { half: { command: ['/venv/bin/python', '-m', 'vllm.entrypoints.openai.api_server', '--model', '/models/half', '--host', '127.0.0.1', '--port', '18200'], port: 18200, env: { CUDA_HOME: '/cuda', PATH: '/cuda/bin:/usr/bin' }, timeouts: { stop: 45_000 } } },
    notes: ['logToStdout', 'sendLoadingState']
  },
  'vLLM that is ready when it lists its models': {
    text: `
healthCheckTimeout: 180
models:
  tiny:
    cmd: |
        vllm serve /models/tiny
        --port \${PORT}
        --served-model-name tiny
    checkEndpoint: /v1/models
`,
    timeouts: { start: 180_000 },
    models: { tiny: { command: ['vllm', 'serve', '/models/tiny', '--port', '5800', '--served-model-name', 'tiny'], readyPath: '/v1/models' } }
  },
  'an AMD GPU by the environment': {
    text: `
healthCheckTimeout: 120
models:
  "moe:256k":
    ttl: 1200
    env: ["HIP_VISIBLE_DEVICES=0", "HSA_OVERRIDE_GFX_VERSION=11.0.0"]
    cmd: >
      /opt/server --host 127.0.0.1 --port \${PORT}
      -m /models/moe.gguf -t 4
`,
    models: { 'moe:256k': { command: ['/opt/server', '--host', '127.0.0.1', '--port', '5800', '-m', '/models/moe.gguf', '-t', '4'], idleTimeout: 1_200_000, env: { HIP_VISIBLE_DEVICES: '0', HSA_OVERRIDE_GFX_VERSION: '11.0.0' } } }
  },
  'a matrix in which all are together, and all are preloaded': {
    text: `
matrix:
  vars: { g: graph, e: embed }
  sets: { all: "g & e" }
hooks: { on_startup: { preload: [graph, embed] } }
models:
  graph: { cmd: "server --port \${PORT} --alias graph", ttl: 0, concurrencyLimit: 4, aliases: [org/Graph-14B, router] }
  embed: { cmd: "server --port \${PORT} --embedding", ttl: 0, concurrencyLimit: 8 }
`,
    models: {
      graph: { command: ['server', '--port', '5800', '--alias', 'graph'], gpuShare: 0.5, preload: true, maxConcurrency: 4, aliases: ['org/Graph-14B', 'router'] },
      embed: { command: ['server', '--port', '5801', '--embedding'], port: 5801, gpuShare: 0.5, preload: true, maxConcurrency: 8 }
    },
    notes: ['matrix', 'matrix']
  },
  'scripts that start and stop, groups where newer files have them': {
    text: `
globalTTL: 0
healthCheckTimeout: 900
models:
  small:
    proxy: http://127.0.0.1:10003
    cmd: >-
      /usr/local/libexec/run start small
    cmdStop: /usr/local/libexec/run stop small \${PID}
routing:
  scheduler: { use: fifo, settings: { fifo: { priority: { small: 1 } } } }
  router:
    use: group
    settings:
      groups:
        all: { swap: false, exclusive: false, members: [small] }
`,
    timeouts: { start: 900_000 },
    models: { small: { command: ['/usr/local/libexec/run', 'start', 'small'], port: 10003, stopCommand: ['/usr/local/libexec/run', 'stop', 'small', '{pid}'] } },
    notes: ['routing.router.settings.groups.all', 'routing.scheduler']
  },
  'docker with a stop of its own': {
    text: `
healthCheckTimeout: 60
models:
  two:
    cmd: |
      docker run
        --rm
        -p \${PORT}:8080
        --name two
      image:server
        -hf org/Two-GGUF:Q4_K_M
    cmdStop: docker stop two
`,
    timeouts: { start: 60_000 },
    models: { two: { command: ['docker', 'run', '--rm', '-p', '5800:8080', '--name', 'two', 'image:server', '-hf', 'org/Two-GGUF:Q4_K_M'], stopCommand: ['docker', 'stop', 'two'] } }
  },
  'two GPUs of a container, in two kinds of quotes': {
    text: `
models:
  coder:
    name: "Coder"
    cmdStop: docker stop coder
    cmd: |
      docker run --init --rm --name coder
        --runtime=nvidia --gpus '"device=2,3"'
        -p \${PORT}:8000 vllm/vllm-openai:v0.10.0 --model "/models/coder"
`,
    models: { coder: { command: ['docker', 'run', '--init', '--rm', '--name', 'coder', '--runtime=nvidia', '--gpus', '"device=2,3"', '-p', '5800:8000', 'vllm/vllm-openai:v0.10.0', '--model', '/models/coder'], stopCommand: ['docker', 'stop', 'coder'] } },
    notes: ['models["coder"].name']
  },
  'a group that codes together': {
    text: `
healthCheckTimeout: 90
logLevel: debug
groups:
  coding: { swap: false, members: [one, two] }
models:
  one: { cmd: "server --port \${PORT} -m one.gguf", aliases: [gpt-mini], checkEndpoint: / }
  two: { cmd: "server --port 8999 -m two.gguf", proxy: "http://127.0.0.1:8999", unlisted: true }
`,
    timeouts: { start: 90_000 },
    models: { one: { command: ['server', '--port', '5800', '-m', 'one.gguf'], aliases: ['gpt-mini'], readyPath: '/', gpuShare: 0.5 }, two: { command: ['server', '--port', '8999', '-m', 'two.gguf'], port: 8999, gpuShare: 0.5 } },
    notes: ['groups.coding', 'models["two"].unlisted']
  },
  'a web application beside the models': {
    text: `
upstream: { ignorePaths: ["^/ws"] }
selectors: { any: { strategy: first, targets: [app] } }
profiles: { day: { pins: { app: app } } }
models:
  app:
    checkEndpoint: /
    cmdStop: docker stop app
    compat: { ignoreWebsockets: true }
    capabilities: { in: [text] }
    cmd: docker run --rm --name app -p \${PORT}:8188 image
`,
    models: { app: { command: ['docker', 'run', '--rm', '--name', 'app', '-p', '5800:8188', 'image'], stopCommand: ['docker', 'stop', 'app'], readyPath: '/' } },
    notes: ['models["app"].capabilities', 'models["app"].compat', 'profiles', 'selectors', 'upstream']
  }
}

beforeEach(() => { Object.assign(process.env, { LLMUX_TEST_HOME: '/home/me', LLMUX_TEST_KEY: 'secret' }) })
afterEach(() => {
  delete process.env['LLMUX_TEST_HOME']
  delete process.env['LLMUX_TEST_KEY']
})

test.each(Object.entries(cases))('%s', (_, { text, models, notes = [], timeouts = { start: 120_000 }, keys = [] }) => {
  const config = readConfigText(text, 'swap.yaml')
  expect(config.shape).toBe('llama-swap')
  const whole = Object.fromEntries(Object.entries(models).map(([name, model]) => [name, { engine: 'openai', port: 5800, readyPath: '/health', ...model }]))
  expect(config.options).toEqual({ models: whole, timeouts })
  expect(config.notes.map(({ field }) => field).sort()).toEqual([...notes].sort())
  expect(config.gateway.keys).toEqual(keys)
  // It is served as it is: the plugin takes all of it.
  expect(() => resolveOptions(config.options)).not.toThrow()
})
