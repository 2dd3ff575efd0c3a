import { expect, test } from 'vitest'
import { recognise } from '../../../lib/engines/start-cause.ts'
import { startCauses } from '../../../lib/start-causes.ts'
import type { StartCause } from '../../../lib/start-causes.ts'

const lines: Array<[StartCause, string]> = [
  ['gpu_memory', 'ValueError: Free memory on device cuda:0 (1.21/79.11 GiB) on startup is less than desired GPU memory utilization (0.92, 72.78 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.'],
  ['gpu_memory', 'ValueError: Free memory on device (1.21/79.11 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).'],
  ['gpu_memory', 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 896.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 403.00 MiB is free.'],
  ['gpu_memory', 'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.'],
  ['gpu_memory', 'ValueError: To serve at least one request with the models\'s max seq len (131072), (16.00 GiB KV cache is needed, which is larger than the available KV cache memory (2.10 GiB).'],
  ['gpu_memory', 'RuntimeError: CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:62'],
  ['host_memory', 'RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can\'t allocate memory: you tried to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)'],
  ['host_memory', 'MemoryError'],
  ['model_missing', 'OSError: nobody/nothing is not a local folder and is not a valid model identifier listed on \'https://huggingface.co/models\''],
  ['model_missing', 'huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. (Request ID: Root=1-2)'],
  ['model_missing', 'ValueError: Invalid repository ID or local directory specified: \'/models/x\'.'],
  ['model_missing', 'RuntimeError: Cannot find any model weights with `/models/x`'],
  ['model_gated', 'OSError: You are trying to access a gated repo.'],
  ['model_gated', 'huggingface_hub.errors.GatedRepoError: 401 Client Error.'],
  ['model_gated', 'Access to model meta-llama/Llama-3.1-8B is restricted. You must have access to it and be authenticated to access it. Please log in.'],
  ['architecture', 'ValueError: Model architectures [\'FooForCausalLM\'] are not supported for now. Supported architectures: dict_keys([\'ApertusForCausalLM\'])'],
  ['architecture', 'ValueError: The checkpoint you are trying to load has model type `foo` but Transformers does not recognize this architecture.'],
  ['architecture', 'ValueError: FooModel has no vLLM implementation and the Transformers implementation is not compatible with vLLM.'],
  ['port_taken', 'OSError: [Errno 98] Address already in use'],
  ['port_taken', 'torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, EADDRINUSE'],
  ['no_cuda', 'RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging to help debug the issue.'],
  ['no_cuda', 'RuntimeError: No CUDA GPUs are available'],
  ['no_cuda', 'RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver'],
  ['no_cuda', 'RuntimeError: The NVIDIA driver on your system is too old (found version 11040).'],
  ['no_cuda', 'ImportError: libcuda.so.1: cannot open shared object file: No such file or directory'],
  ['no_cuda', 'AssertionError: Torch not compiled with CUDA enabled'],
  ['bad_argument', 'vllm: error: unrecognized arguments: --no-such-flag'],
  ['bad_argument', 'vllm serve: error: argument --max-model-len: invalid human_readable_int value: \'many\''],
  ['bad_argument', 'vllm serve: error: ambiguous option: --max could match --max-model-len, --max-num-seqs'],
  ['bad_argument', 'pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig']
]

test.for(lines)('%s: %s', ([cause, line]) => {
  const traceback = ['Traceback (most recent call last):', '  File "core.py", line 1, in run']
  const more = ['RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}']
  for (const prefix of ['', '(EngineCore pid=7) ', '(EngineCore pid=7) ERROR 11-27 10:00:00 [core.py:843] ', 'ERROR 11-27 10:00:00 [core.py:843] ']) {
    expect(recognise([...traceback, `${prefix}${line}`, ...more]), prefix).toEqual({ cause, line })
  }
})

test('of a validation error that is about something particular, that counts', () => {
  expect(recognise([
    'pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig',
    '  Value error, Model architectures [\'Foo\'] are not supported for now. [type=value_error]'
  ])).toMatchObject({ cause: 'architecture', line: expect.stringContaining('Value error, Model') })
})

test('what is only warned of, or not known, is no cause', () => {
  expect(recognise([])).toBeUndefined()
  expect(recognise([
    '(APIServer pid=7) WARNING 11-27 10:00:00 [x.py:1] Found no NVIDIA driver on your system',
    '(APIServer pid=7) INFO 11-27 10:00:00 [x.py:1] retries on Address already in use',
    'x.py:1: UserWarning: CUDA driver version is insufficient',
    'RuntimeError: something else'
  ])).toBeUndefined()
})

test('a very long line is cut', () => {
  expect(recognise([`ValueError: Model architectures [${'x'.repeat(9_000)}] are not supported for now.`])!.line).toHaveLength(401)
})

test('each cause is in words for clients, without a word on the machine', () => {
  for (const words of Object.values(startCauses)) expect(words).toMatch(/^[\w ,']+$/)
})
