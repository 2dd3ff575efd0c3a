import type { Overview } from './types.ts'

export function WhatIf (_: { overview: Overview }) {
  return <section class='card'><h1>What if</h1></section>
}
