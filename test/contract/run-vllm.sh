#!/usr/bin/env bash
# Asks a real vLLM: $LLMUX_VLLM is the folder that install-vllm.sh made (default .vllm/0.32.0), or the command of any other,
# which loads $LLMUX_VLLM_MODEL.
set -euo pipefail
given=${LLMUX_VLLM:-.vllm/0.32.0}
if [ -x "$given/bin/vllm" ]; then
  given=$(cd "$given" && pwd)
elif ! command -v "${given%% *}" > /dev/null; then
  # Without one the mock would be asked, and answer as it should.
  echo "no vLLM in $given: run test/contract/install-vllm.sh, or set LLMUX_VLLM to its folder or to a command" >&2
  exit 1
fi
export LLMUX_VLLM="$given"
exec tap run --timeout=1200 --jobs=1 test/contract/*.test.ts
