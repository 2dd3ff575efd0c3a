import { expect, test } from 'vitest'
import { knownRoutes } from '../../../lib/options/routes.ts'

/** Every path that the API server of vLLM 0.32.0 has in its source, and what becomes of it here. */
const decisions = {
  'relayed, by the model in its body': [
    '/v1/chat/completions', '/v1/chat/completions/batch', '/v1/chat/completions/render', '/v1/chat/completions/derender', '/v1/completions', '/v1/completions/render',
    '/v1/completions/derender', '/v1/responses', '/v1/responses/render', '/v1/messages', '/v1/messages/count_tokens', '/v1/messages/render', '/cohere/v2/chat', '/v1/systemone',
    '/inference/v1/generate', '/generative_scoring', '/v1/embeddings', '/v2/embed', '/v1/score', '/score', '/v1/rerank', '/v2/rerank', '/rerank', '/pooling', '/classify',
    '/tokenize', '/detokenize', '/v1/audio/transcriptions', '/v1/audio/translations'
  ],
  'answered by the gateway': ['/v1/models'],
  'closed: it controls the engine, which is the gateway\'s': [
    '/sleep', '/wake_up', '/is_sleeping', '/release_kv_cache_memory', '/pause', '/resume', '/is_paused', '/abort_requests', '/collective_rpc', '/reset_prefix_cache', '/reset_mm_cache', '/reset_encoder_cache',
    '/v1/load_lora_adapter', '/v1/unload_lora_adapter', '/start_profile', '/stop_profile', '/scale_elastic_ep', '/is_scaling_elastic_ep', '/fault_tolerance/apply', '/fault_tolerance/status',
    '/init_weight_transfer_engine', '/shutdown_weight_transfer_engine', '/start_weight_update', '/start_draft_weight_update', '/update_weights', '/finish_weight_update', '/update_weight_version', '/weight_info', '/weight_checker', '/get_world_size'
  ],
  'closed: it tells of one engine, and names no model': ['/health', '/load', '/version', '/ping', '/server_info', '/kv_event_sources', '/tokenizer_info', '/docs'],
  'closed: it is all other routes once more': ['/invocations'],
  'closed: it belongs to the process that made the id': ['/v1/responses/{response_id}', '/v1/responses/{response_id}/cancel'],
  'closed: see docs/reference/api.md': ['/v1/realtime']
}

test('each route of a real server is relayed or closed for a reason, and none is relayed that it does not have', () => {
  expect(knownRoutes.map(({ path }) => path).sort()).toEqual(decisions['relayed, by the model in its body'].toSorted())
  const all = Object.values(decisions).flat()
  expect(new Set(all).size).toBe(all.length)
})
