#!/usr/bin/env bash
# Asks a real vLLM: the one that install-vllm.sh put in $LLMUX_VLLM_DIR (default .vllm/0.32.0), or the one of
# $LLMUX_VLLM_COMMAND with $LLMUX_VLLM_MODEL.
set -euo pipefail
if [ -z "${LLMUX_VLLM_COMMAND:-}" ]; then
  dir=${LLMUX_VLLM_DIR:-.vllm/0.32.0}
  # Without one the mock would be asked, and answer as it should.
  [ -x "$dir/bin/vllm" ] || { echo "no vLLM in $dir: run test/contract/install-vllm.sh, or set LLMUX_VLLM_DIR" >&2; exit 1; }
  LLMUX_VLLM_DIR=$(cd "$dir" && pwd)
  export LLMUX_VLLM_DIR
fi
exec tap run --timeout=1200 --jobs=1 test/contract/*.test.ts
