#!/usr/bin/env bash
# Installs the clients of `npm run test:clients` that are no dependency of this package, beside this file, in a folder that git ignores:
# `ai` and `@ai-sdk/openai-compatible` in node_modules, `openai` and `langchain-openai` for Python in node_modules/.venv.
# usage: test/clients/install.sh
# Needs: npm and its registry; for the Python ones Python 3.10 or later with venv, and PyPI; 200 MB on disk, a minute.
set -euo pipefail
cd "$(dirname "$0")"

# Version 7 of `ai` wants Node 22. `--prefix .`, or npm would take the package that this folder is in for the one meant.
npm install --no-save --no-package-lock --no-audit --no-fund --prefix . ai@6 @ai-sdk/openai-compatible@2 zod@4

if command -v python3 > /dev/null; then
  python3 -m venv node_modules/.venv
  node_modules/.venv/bin/pip --disable-pip-version-check -q install openai langchain-openai
else
  echo 'no python3: its clients are left out' >&2
fi
