/** Fits a screen of 24 lines and 80 columns. */
export const help = `fastify-llmux: several language models on one GPU, behind one OpenAI-like API

usage: fastify-llmux COMMAND --config FILE [options]

  serve      run a gateway and its page   --port N --host ADDRESS
               --demo            mock engines, made-up traffic; no FILE, no GPU
  validate   start each model, let it sleep and wake, say which levels are safe
               --model NAME      only this one; may be repeated
               --level 1,2,3     only these
               --cycles N        how often each sleeps and wakes, default 3
               --share N         % of GPU memory sleep must free, default 80
               --json REPORT     write the report to a file
               --write           put the best safe level into FILE
  simulate   compare policies on your traffic: see simulate --help

  --print-options   show FILE as options of the plugin, to paste into JavaScript
  --config FILE     JSON or YAML: this plugin's options, or llmux 0.3's or 0.9's
  --help, --version

keys for serve: LLMUX_API_KEYS=key,key or server.keys in FILE; none: open to all
operators' key: LLMUX_ADMIN_KEY; none: page and routes only on 127.0.0.1
exit codes: 0 well (validate: no level is broken), 1 failed (or broken), 2 usage
or FILE is wrong. More: docs/cli.md, docs/validate.md, docs/moving.md
`
