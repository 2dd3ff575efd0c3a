import type { Shape } from './config.ts'

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Fields that only llmux has, and fields that came with 0.9. */
const llmuxTop = ['vllm_command', 'metrics_port', 'admin_port', 'checkpoint', 'startup_timeout_secs']
const llmuxPolicy = ['policy_type', 'request_timeout_secs', 'drain_before_switch', 'sleep_level', 'min_active_secs']
const newTop = ['admin_port', 'checkpoint', 'startup_timeout_secs', 'warmup']
const newPolicy = ['eviction', 'coalesce_window_ms', 'amortization_factor', 'max_wait_secs', 'tick_interval_ms', 'min_quantum_ms']
const newModel = ['eviction', 'checkpoint_path']
const newTypes = ['cost_aware', 'time_slice']

/** llama-swap's fields, at the top and in a model. */
const swapTop = ['healthCheckTimeout', 'startPort', 'globalTTL', 'macros', 'matrix', 'groups', 'hooks', 'peers']

/** llmux 2 has a program for each step in the life of an engine. */
const scripts = ['wake', 'sleep', 'alive']

const has = (value: unknown, names: string[]): boolean => isObject(value) && names.some(name => Object.hasOwn(value, name))

/** The tool that a file is for, by the fields that only one of them has. */
export function shapeOf (content: unknown): Shape {
  if (!isObject(content)) return 'fastify-llmux'
  const { policy } = content
  const models = isObject(content['models']) ? Object.values(content['models']) : []
  if (models.some(model => has(model, scripts))) return 'llmux 2'
  if (has(content, swapTop) || models.some(model => has(model, ['cmd', 'checkEndpoint', 'cmdStop']))) return 'llama-swap'
  const isNew = has(content, newTop) || has(policy, newPolicy) || models.some(model => has(model, newModel)) ||
    (isObject(policy) && newTypes.includes(String(policy['policy_type'])))
  const isLlmux = has(content, llmuxTop) || has(policy, llmuxPolicy) || models.some(model => has(model, ['model_path', 'extra_args', ...newModel]))
  if (!isLlmux && !has(policy, newPolicy)) return 'fastify-llmux'
  return isNew ? 'llmux 0.9' : 'llmux 0.3'
}
