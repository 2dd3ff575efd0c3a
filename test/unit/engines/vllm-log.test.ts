import { expect, test } from 'vitest'
import { readSign } from '../../../lib/engines/vllm-log.ts'

const core = '(EngineCore pid=7) INFO 11-25 01:39:30 [x.py:1] '

test.for<[string, ReturnType<typeof readSign>]>([
  [`${core}Initializing a V1 LLM engine (v0.32.0) with config: model='m'`, { stage: 'initializing' }],
  [`${core}Starting to load model m...`, { stage: 'loading' }],
  ['Loading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]', { stage: 'loading', done: 0, total: 4 }],
  ['(EngineCore pid=7) Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:01<00:01, 1.4it/s]', { stage: 'loading', done: 2, total: 4 }],
  ['Loading pt checkpoint shards: 100% Completed | 11/11 [00:01<00:00]', { stage: 'loading', done: 11, total: 11 }],
  [`${core}Model loading took 21.60 GiB memory and 0.61 seconds`, { stage: 'compiling' }],
  [`${core}Using cache directory: /home/vllm/.cache/vllm/torch_compile_cache/1/rank_0_0 for vLLM's torch.compile`, { stage: 'compiling' }],
  [`${core}torch.compile took 0.96 s in total`, { stage: 'profiling' }],
  [`${core}GPU KV cache size: 176,944 tokens`, { stage: 'profiling' }],
  ['Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  50%|█████     | 33/67 [00:00<00:00, 21.12it/s]', { stage: 'capturing', done: 33, total: 67 }],
  [`${core}Capturing CUDA graph shapes: this may take a while`, { stage: 'capturing' }],
  ['(APIServer pid=1) INFO [entry.py:140] Starting vLLM server on unix:/tmp/x.sock', { stage: 'listening' }],
  ['INFO:     Started server process [28762]', { stage: 'listening' }],
  ['INFO:     127.0.0.1:1 - "POST /v1/chat/completions HTTP/1.1" 200', undefined],
  ['Loading safetensors checkpoint shards: who knows', undefined],
  ['Loading safetensors checkpoint shards: 0/0', { stage: 'loading' }],
  ['', undefined]
])('%s', ([text, sign]) => {
  expect(readSign(text)).toEqual(sign)
})
