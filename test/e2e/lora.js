import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What an adapter must fit. @param {string} model its directory */
export function sizesOf (model) {
  const { hidden_size: hidden, num_hidden_layers: layers } = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'))
  return { hidden, layers }
}

/**
 * Writes a LoRA adapter for a Llama model of these sizes, whose answers differ from the model's own. Returns its directory.
 * @param {string} directory @param {{ hidden: number, layers: number, rank?: number, seed?: number }} sizes
 */
export function writeLora (directory, { hidden, layers, rank = 8, seed = 1 }) {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: rank, lora_alpha: 4 * rank, target_modules: ['q_proj', 'o_proj'], bias: 'none' }))
  /** @type {Record<string, { dtype: string, shape: number[], data_offsets: number[] }>} */
  const header = {}
  /** @type {Buffer[]} */
  const parts = []
  let offset = 0
  for (let layer = 0; layer < layers; layer++) {
    for (const module of ['q_proj', 'o_proj']) {
      for (const [name, shape] of /** @type {const} */ ([['lora_A', [rank, hidden]], ['lora_B', [hidden, rank]]])) {
        const data = Buffer.from(Float32Array.from({ length: rank * hidden }, (_, index) => Math.sin((index + 1) * (seed + layer * 7 + parts.length))).buffer)
        header[`base_model.model.model.layers.${layer}.self_attn.${module}.${name}.weight`] = { dtype: 'F32', shape: [...shape], data_offsets: [offset, offset + data.length] }
        parts.push(data)
        offset += data.length
      }
    }
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(join(directory, 'adapter_model.safetensors'), Buffer.concat([length, json, ...parts]))
  return directory
}
