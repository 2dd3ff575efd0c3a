/** Rows as text: words to the left, numbers to the right. @param {Record<string, string | number>[]} rows */
export function table (rows) {
  const [first = {}] = rows
  const columns = Object.keys(first).map(name => ({
    name,
    width: Math.max(name.length, ...rows.map(row => String(row[name]).length)),
    right: rows.some(row => typeof row[name] === 'number')
  }))
  const line = (/** @type {Record<string, string | number>} */ row) => columns
    .map(({ name, width, right }) => right ? String(row[name]).padStart(width) : String(row[name]).padEnd(width))
    .join('  ')
  return [Object.fromEntries(columns.map(({ name }) => [name, name])), ...rows].map(line).join('\n')
}
