import { describe, expect, it, test } from 'vitest'
import { engines } from '../../../lib/engines/index.ts'
import { placeModel, type Machine } from '../../../lib/options/gpus.ts'
import { resolveOptions } from '../../../lib/options/index.ts'

const gpu = (index: number) => ({ index, uuid: `GPU-${'abcd'[index]}-${index}`, name: 'H100', total: 1 })
const mig = { index: 4, uuid: 'MIG-7', name: 'MIG 1g.10gb', total: undefined }
const machine = (more: Partial<Machine> = {}): Machine => ({ gpus: [gpu(0), gpu(1), gpu(2), gpu(3), mig], variable: 'CUDA_VISIBLE_DEVICES', visible: undefined, ...more })
const model = { id: 'a', engine: engines.vllm, args: [], env: {} }

const places: Array<[what: string, entries: Array<number | string>, more: Partial<Machine>, gpus: number[], devices: string[] | undefined]> = [
  ['an index', [1], {}, [1], ['1']],
  ['several', [3, 0], {}, [3, 0], ['3', '0']],
  ['a UUID', ['GPU-c-2'], {}, [2], ['2']],
  ['the beginning of a UUID', ['GPU-c'], {}, [2], ['2']],
  ['a MIG device', ['MIG-7'], {}, [4], ['MIG-7']],
  ['an index among those that our environment names', [1], { visible: ['3', '2'] }, [2], ['2']],
  ['an index among UUIDs that our environment names', [0], { visible: ['GPU-d-3'] }, [3], ['GPU-d-3']],
  ['a UUID where our environment names indices', ['GPU-d-3'], { visible: ['0', '3'] }, [3], ['3']],
  ['an index where nobody can be asked', [5], { gpus: undefined }, [5], ['5']],
  ['an index among names where nobody can be asked', [1], { gpus: undefined, visible: ['GPU-x', 'GPU-y'] }, [1], ['GPU-y']],
  ['an index where our environment names none', [0], { visible: [] }, [0], undefined]
]

test.for(places)('%s is found', ([, entries, more, gpus, devices]) => {
  expect(placeModel(model, entries, machine(more))).toEqual({ gpus, devices })
})

const refused: Array<[what: string, entries: Array<number | string>, more: Partial<Machine>, message: RegExp]> = [
  ['an index that is not there', [7], {}, /models\["a"\]\.gpus must name GPUs that are there, not 7: there are 0 \(H100, GPU-a-0\), .*, MIG-7$/],
  ['the index of a MIG device', [4], {}, /not 4/],
  ['a UUID that is not there', ['GPU-z'], {}, /not "GPU-z"/],
  ['the beginning of several UUIDs', ['GPU-'], {}, /not "GPU-"/],
  ['a GPU that our environment does not name', [1], { visible: ['0'] }, /not 1: CUDA_VISIBLE_DEVICES names 0$/],
  ['a UUID where nobody can be asked', ['GPU-a-0'], { gpus: undefined }, /can only be named where nvidia-smi tells the names/],
  ['one GPU by two names', [0, 'GPU-a-0'], {}, /must name no GPU twice/],
  ['a machine without GPUs', [0], { gpus: [] }, /there is none/]
]

test.for(refused)('%s is refused', ([, entries, more, message]) => {
  expect(() => placeModel(model, entries, machine(more))).toThrow(message)
})

describe('what the environment of a model names', () => {
  const placed = (names: string, entries: Array<number | string> = [1, 2], more: Partial<Machine> = {}) => placeModel({ ...model, env: { CUDA_VISIBLE_DEVICES: names } }, entries, machine(more))

  it.for(['1,2', '2,1', 'GPU-b-1, 2'])('may be %s for GPUs 1 and 2', names => { placed(names) })

  it.for(['0', '1', '0,1', '1,2,3', 'GPU-z'])('may not be %s for GPUs 1 and 2', names => {
    expect(() => placed(names)).toThrow(/models\["a"\]\.env\["CUDA_VISIBLE_DEVICES"\] must name the GPUs of the option gpus, which are 1, 2, not /)
  })

  it('is taken as it is if it cannot be looked up', () => { placed('GPU-x,GPU-y', [0, 1], { gpus: undefined }) })
})

const sizes: Array<[args: string[], count: number, fits: boolean]> = [
  [['--tensor-parallel-size', '2'], 2, true],
  [['-tp=2', '--pipeline_parallel_size=2'], 4, true],
  [['--tensor-parallel-size', '1'], 1, true],
  [['--tensor-parallel-size', '2'], 1, false],
  [['--tensor-parallel-size', '1'], 2, false],
  [['-dp', '2', '-tp', '2'], 2, false]
]

test.for(sizes)('%o on %i GPUs: %s', ([args, count, fits]) => {
  const place = () => placeModel({ ...model, args }, Array.from({ length: count }, (_, index) => index), machine())
  if (fits) place()
  else expect(place).toThrow(/models\["a"\]\.gpus must name \d GPUs?, as many as the parallel sizes in args take, not \d$/)
})

describe('the environment of an engine', () => {
  const envOf = (more?: Partial<Machine>) => resolveOptions({ models: { a: { gpus: [2] } } }, more && machine(more)).models[0]!.gpuEnv

  it('says which GPUs it may use, as nvidia-smi counts', () => {
    expect(envOf({})).toEqual({ CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '2' })
  })

  it('says so in the words of AMD', () => {
    expect(envOf({ gpus: undefined, variable: 'HIP_VISIBLE_DEVICES' })).toEqual({ HIP_VISIBLE_DEVICES: '2' })
  })

  it('says nothing where ours names none, nor of a machine that nobody has looked at', () => {
    expect(envOf({ visible: [] })).toEqual({})
    expect(envOf()).toEqual({})
  })
})
