/** Why a start failed, as far as it is known, in words that say nothing about the machine. */
export const startCauses = {
  gpu_memory: 'too little GPU memory',
  host_memory: 'too little host memory',
  model_missing: 'there is no such model, or no access to it',
  model_gated: 'the model is gated, and there is no access to it',
  architecture: 'the model has an architecture that the engine does not know',
  port_taken: 'its port is taken',
  no_cuda: 'there is no GPU that it can use',
  bad_argument: 'one of its arguments is wrong',
  command_missing: 'its command is not found',
  timeout: 'it took too long',
  other: 'the engine\'s last lines may say why'
} as const

export type StartCause = keyof typeof startCauses

/** The codes, without `LLMUX_ERR_`, of what a model is not brought up for. */
export const wakeFailures = ['NOT_STARTABLE', 'SPAWN_FAILED', 'PROCESS_DIED', 'START_TIMEOUT', 'WAKE_FAILED', 'WAKE_TIMEOUT', 'RELOAD_TIMEOUT', 'GPU_BLOCKED', 'GPU_CLAIMED', 'GPU_MEMORY', 'NO_ROOM'] as const
