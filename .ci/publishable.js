// Refuses to publish while package.json still has the placeholder for the repository's owner: `npm publish` runs it.
import { readFileSync } from 'node:fs'

const placeholder = 'OWNER-TO-FILL-IN'
const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
if (text.includes(placeholder)) {
  console.error(`package.json still says ${placeholder}: fill in repository, bugs, homepage and funding before you publish`)
  process.exitCode = 1
}
