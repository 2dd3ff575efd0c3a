#!/usr/bin/env node
import { run } from './cli.ts'

// Not process.exit: a gateway goes on, and what is on its way to a pipe must arrive.
process.exitCode = await run(process.argv.slice(2))
