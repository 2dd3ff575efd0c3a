#!/usr/bin/env bash
# A real vLLM on a CPU, with small limits: to be used as `command`, in place of `vllm`.
# LLMUX_VLLM is the folder that install-vllm.sh made.
set -euo pipefail
export VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1
exec "${LLMUX_VLLM:?the folder that test/contract/install-vllm.sh made}/bin/vllm" "$@" --dtype float32 --enforce-eager --max-model-len 8192 \
  --max-num-seqs 8 --max-num-batched-tokens 512 --kv-cache-memory-bytes 67108864
