// Takes out of dist what a file of lib has left that is there no more. The rest stays in place, for whoever is running it.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// What the page's own build has put there has its sources elsewhere.
const built = join(root, 'dist/lib/page/assets')

for (const entry of readdirSync(join(root, 'dist/lib'), { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (file.startsWith(built)) continue
  const source = file.replace(join(root, 'dist'), join(root, '.')).replace(/\.d\.ts$|\.js$/, '.ts')
  if (!existsSync(source)) rmSync(file, { recursive: true, force: true })
}
