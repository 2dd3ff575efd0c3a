import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { defineConfig } from 'vitepress'

const root = new URL('../../', import.meta.url)
const { repository, description } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const github = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** The sidebar is the table of contents, so that there is one order of the pages. */
function sidebar () {
  const contents = readFileSync(new URL('docs/index.md', root), 'utf8')
  return contents.split(/^## /m).slice(1).map(section => ({
    text: section.split('\n')[0],
    items: [...section.matchAll(/\[([^\]]+)\]\((?!\.\.)([^)]+)\.md\)/g)].map(([, text, page]) => ({ text, link: `/${page}` }))
  }))
}

/** Links out of `docs` lead to the repository. What is not there fails the build, as a dead link within the site does. */
function linksToRepository (md) {
  md.core.ruler.push('repository', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null
      if (href === null || /^(\w+:|#)/.test(href)) continue
      const target = posix.join('docs', posix.dirname(env.relativePath), href.split('#')[0])
      if (target.startsWith('docs/')) continue
      if (!existsSync(new URL(target, root))) throw new Error(`${env.relativePath} links to ${href}, which is not there`)
      token.attrSet('href', `${github}/blob/main/${target}`)
    }
  })
}

export default defineConfig({
  title: 'fastify-llmux',
  description,
  // A copy of `docs`, see package.json: pages find Vue only below the folder that has it.
  srcDir: 'pages',
  outDir: 'dist',
  cleanUrls: true,
  markdown: { config: linksToRepository },
  themeConfig: {
    search: { provider: 'local' },
    nav: [{ text: 'Get started', link: '/get-started' }, { text: 'Options', link: '/reference/options' }, { text: 'Policies compared', link: '/scheduling' }, { text: 'FAQ', link: '/faq' }],
    sidebar: sidebar(),
    socialLinks: [{ icon: 'github', link: github }],
    outline: [2, 3]
  }
})
