import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', 'site/dist', 'site/pages', 'site/.vitepress/cache', 'coverage', '.tap', 'reports', '.stryker-tmp', '.venv*', '.vllm'] })
]
