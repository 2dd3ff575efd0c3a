/** One metric: its type, its help and its labels. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

/**
 * All metrics, named by Prometheus's conventions, or by OpenTelemetry's GenAI conventions where they have one. Label values
 * come from the options, never from a client: `model` is empty for requests that are for none of your models.
 */
export const catalogue = {
  llmux_requests_total: { type: 'counter', help: 'Finished requests, by outcome', labels: ['model', 'route', 'outcome'] },
  gen_ai_server_request_duration_seconds: { type: 'histogram', help: 'From the arrival of a request to its end', labels: ['gen_ai_request_model', 'gen_ai_operation_name', 'error_type'] },
  llmux_request_queue_seconds: { type: 'histogram', help: 'Time of a request in its model\'s queue; 0 if it was admitted at once', labels: ['model'] },
  llmux_request_time_to_first_byte_seconds: { type: 'histogram', help: 'From the arrival of a request to the engine\'s first byte', labels: ['model'] },
  llmux_request_bytes_total: { type: 'counter', help: 'Bytes of request bodies', labels: ['model'] },
  llmux_response_bytes_total: { type: 'counter', help: 'Bytes of answers from engines', labels: ['model'] },
  llmux_request_replays_total: { type: 'counter', help: 'Times a request was sent to an engine again', labels: ['model'] },
  llmux_cut_streams_total: { type: 'counter', help: 'Answers that were cut after they had begun, by error code', labels: ['model', 'code'] },
  llmux_queue_length: { type: 'gauge', help: 'Requests in the queue', labels: ['model'] },
  llmux_queue_oldest_seconds: { type: 'gauge', help: 'Longest time that a request in the queue has waited; 0 if the queue is empty', labels: ['model'] },
  llmux_requests_frozen: { type: 'gauge', help: 'Requests, and leases of your own code, that pause while their engine sleeps', labels: ['model'] },
  llmux_requests_in_flight: { type: 'gauge', help: 'Requests, and leases of your own code, that an awake model is serving', labels: ['model'] },
  llmux_request_freezes_total: { type: 'counter', help: 'Times a request was frozen: its engine went to sleep while it was in flight', labels: ['model'] },
  llmux_request_thaws_total: { type: 'counter', help: 'Times a frozen request continued', labels: ['model'] },
  llmux_request_frozen_seconds_total: { type: 'counter', help: 'Total time that requests were frozen', labels: ['model'] },
  llmux_switches_total: { type: 'counter', help: 'Finished switches. `from` is empty if no model had to make room, `to` if a model was only put to sleep', labels: ['from', 'to', 'outcome'] },
  llmux_switch_duration_seconds: { type: 'histogram', help: 'Duration of successful switches, from the decision until the model is awake', labels: ['to'] },
  llmux_switch_phase_seconds_total: { type: 'counter', help: 'Time spent in each phase of switches, failed ones included', labels: ['from', 'to', 'phase'] },
  llmux_first_byte_after_switch_seconds: { type: 'histogram', help: 'Time from a model becoming awake to the first byte of its first answer', labels: ['model'] },
  llmux_engine_state: { type: 'gauge', help: '1 for the current state of an engine, 0 for all others', labels: ['model', 'state'] },
  llmux_engine_starts_total: { type: 'counter', help: 'Engines that became awake by a cold start rather than a wake', labels: ['model'] },
  llmux_engine_start_failures_total: { type: 'counter', help: 'Starts that failed or were refused beforehand, by cause', labels: ['model', 'cause'] },
  llmux_engine_restarts_total: { type: 'counter', help: 'Starts of an engine that had died or could not be woken', labels: ['model'] },
  llmux_engine_crashes_total: { type: 'counter', help: 'Running engines that died unexpectedly', labels: ['model'] },
  llmux_warnings_total: { type: 'counter', help: 'Warnings, by error code; `model` is empty if a warning concerns no model', labels: ['model', 'code'] },
  llmux_gpu_activity_seconds_total: { type: 'counter', help: 'Time that each GPU spent switching, serving or idle', labels: ['gpu', 'activity'] },
  llmux_gpu_memory_used_bytes: { type: 'gauge', help: 'GPU memory in use at the last reading: before starts, and after processes have ended', labels: ['gpu'] },
  llmux_gpu_memory_total_bytes: { type: 'gauge', help: 'Total GPU memory', labels: ['gpu'] },
  llmux_host_memory_limit_bytes: { type: 'gauge', help: 'Host memory that the engines may hold together: the option hostMemory', labels: [] },
  llmux_engine_host_memory_bytes: { type: 'gauge', help: 'Host memory of the processes of an engine, as read about its first sleep at level 1; 0 before', labels: ['model'] },
  llmux_build_info: { type: 'gauge', help: 'Always 1', labels: ['version', 'node_version'] }
} as const satisfies Record<string, MetricSpec>

export type MetricName = keyof typeof catalogue

type OfType<Type> = { [Name in MetricName]: typeof catalogue[Name]['type'] extends Type ? Name : never }[MetricName]

export type CounterName = OfType<'counter'>
export type GaugeName = OfType<'gauge'>
export type HistogramName = OfType<'histogram'>

/** Seconds: from an awake model's answer to the default queue limit. */
export const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 180, 300, 600]
