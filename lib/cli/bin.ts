#!/usr/bin/env node
import { run } from './cli.ts'

// Not process.exit: a gateway keeps running, and output in a pipe must arrive.
process.exitCode = await run(process.argv.slice(2))
