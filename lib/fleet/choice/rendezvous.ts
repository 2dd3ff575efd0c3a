/**
 * How strongly a key belongs to a node: the node with the highest number is its home (rendezvous hashing). A node that comes
 * takes only the keys that are its own, one that goes leaves all others where they are. FNV-1a with a finish that mixes.
 */
export function affinity (key: string, node: string): number {
  let hash = 0x811c9dc5
  for (const text of [key, '\0', node]) {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
