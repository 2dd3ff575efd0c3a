// Applies the manifests in deploy/ to a Kubernetes of its own, and watches what its controllers and its scheduler make of them:
// `npm run kubernetes:cluster`. It builds the control plane from source (Go and kubectl are needed, and a quarter of an hour the
// first time). There are no containers: machines are made up, and this program says of each pod that it runs.
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('cluster', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const keda = 'github.com/kedacore/keda/v2@v2.21.0'
const ports = { etcd: 23_790, peers: 23_800, api: 26_443, controllers: 26_257, scheduler: 26_259 }
const token = 'operator'

const folder = mkdtempSync(join(tmpdir(), 'llmux-cluster-'))
/** @type {import('node:child_process').ChildProcess[]} */
const programs = []
let failures = 0

/** @param {boolean} passed @param {string} what */
const check = (passed, what) => {
  console.log(`${passed ? 'ok' : 'not ok'} ${what}`)
  if (!passed) failures++
}

/** @param {string} what @param {() => boolean | Promise<boolean>} holds */
async function until (what, holds) {
  const end = Date.now() + 60_000
  while (Date.now() < end) {
    if (await holds()) return check(true, what)
    await setTimeout(200)
  }
  throw new Error(`not after a minute: ${what}\n${kubectl(['get', 'pods,nodes', '-o', 'wide'])}${kubectl(['get', 'events'])}`)
}

const config = join(folder, 'kubeconfig')
/** @param {string[]} args @param {string} [input] */
const kubectl = (args, input) => execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 64 * 1024 ** 2 })
/** @param {object[]} objects */
const apply = objects => kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
/** @param {string} kind @returns {any[]} */
const list = kind => JSON.parse(kubectl(['get', kind, '--all-namespaces', '-o', 'json'])).items
/** @param {string} kind @param {string} name */
const get = (kind, name) => JSON.parse(kubectl(['get', kind, name, '-o', 'json']))

/** @param {string} name @param {Record<string, string>} flags */
function start (name, flags) {
  const program = spawn(join(here, 'cluster'), [name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)], { stdio: 'ignore' })
  program.once('exit', code => { if (code !== null) console.log(`not ok ${name} ended with ${code}`) })
  programs.push(program)
}

function startControlPlane () {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } })
  writeFileSync(join(folder, 'private.pem'), privateKey, { mode: 0o600 })
  writeFileSync(join(folder, 'public.pem'), publicKey)
  writeFileSync(join(folder, 'tokens.csv'), `${token},admin,1,system:masters\n`, { mode: 0o600 })
  writeFileSync(config, JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${ports.api}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c'
  }))
  const etcd = `http://127.0.0.1:${ports.etcd}`
  const peers = `http://127.0.0.1:${ports.peers}`
  start('etcd', { 'data-dir': join(folder, 'etcd'), 'listen-client-urls': etcd, 'advertise-client-urls': etcd, 'listen-peer-urls': peers, 'initial-advertise-peer-urls': peers, 'initial-cluster': `default=${peers}` })
  start('api-server', {
    'etcd-servers': etcd,
    'secure-port': String(ports.api),
    'bind-address': '127.0.0.1',
    'cert-dir': join(folder, 'certificates'),
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    'token-auth-file': join(folder, 'tokens.csv'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': join(folder, 'public.pem'),
    'service-account-signing-key-file': join(folder, 'private.pem')
  })
  // No machine is real: none reports its life, and none is to be given up for that.
  start('controllers', { kubeconfig: config, 'secure-port': String(ports.controllers), 'cert-dir': join(folder, 'controllers'), 'leader-elect': 'false', 'service-account-private-key-file': join(folder, 'private.pem'), controllers: '*,-node-lifecycle-controller' })
  start('scheduler', { kubeconfig: config, 'secure-port': String(ports.scheduler), 'cert-dir': join(folder, 'scheduler'), 'leader-elect': 'false' })
}

/** @param {string} name @param {boolean} gpu */
function machine (name, gpu) {
  const capacity = { cpu: '16', memory: '128Gi', pods: '110', ...(gpu && { 'nvidia.com/gpu': '1' }) }
  const taints = gpu ? [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] : []
  const labels = { 'kubernetes.io/hostname': name, ...(gpu && { 'nvidia.com/gpu.present': 'true' }) }
  apply([{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } }])
  // The API server adds the taint of a machine that is not ready.
  kubectl(['patch', 'node', name, '--type=merge', '-p', JSON.stringify({ spec: { taints } })])
  kubectl(['patch', 'node', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { capacity, allocatable: capacity, conditions: [{ type: 'Ready', status: 'True', reason: 'MadeUp', lastHeartbeatTime: new Date().toISOString(), lastTransitionTime: new Date().toISOString() }] } })])
  if (!gpu) return
  apply([{
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `models-of-${name}` },
    spec: {
      capacity: { storage: '1Ti' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'local-models',
      local: { path: '/models' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] } }
    }
  }])
}

/** Most pods of a set that were not ready at once, and the pods that ended, in their order. */
const seen = { unready: 0, ended: /** @type {string[]} */ ([]) }

/** What kubelets would do: pods that are bound run and are ready, pods that are to end do. */
async function kubelet () {
  let address = 0
  for (;;) {
    const pods = list('pods')
    const nodes = pods.filter(({ metadata }) => metadata.labels?.app === 'llmux-node')
    if (watching) seen.unready = Math.max(seen.unready, get('statefulset', 'llmux-node').spec.replicas - nodes.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && isReady(status)).length)
    for (const { metadata: { name, namespace, deletionTimestamp }, spec, status } of pods) {
      if (deletionTimestamp !== undefined) {
        seen.ended.push(name)
        kubectl(['delete', 'pod', name, '-n', namespace, '--force', '--grace-period=0', '--wait=false'])
      } else if (spec.nodeName !== undefined && !isReady(status)) {
        const now = new Date().toISOString()
        const ip = `10.1.0.${++address}`
        const conditions = ['Initialized', 'ContainersReady', 'Ready'].map(type => ({ type, status: 'True', lastTransitionTime: now }))
        const containerStatuses = spec.containers.map((/** @type {{ name: string, image: string }} */ { name, image }) => ({ name, image, imageID: image, ready: true, restartCount: 0, started: true, state: { running: { startedAt: now } } }))
        kubectl(['patch', 'pod', name, '-n', namespace, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions, containerStatuses } })])
      }
    }
    await setTimeout(200)
    if (over) return
  }
}

/** @param {any} status */
const isReady = ({ conditions = [] }) => conditions.some((/** @type {any} */ { type, status }) => type === 'Ready' && status === 'True')
/** @param {string} app */
const podsOf = app => list('pods').filter(({ metadata }) => metadata.labels?.app === app && metadata.deletionTimestamp === undefined)
/** @param {string} app @param {number} count */
const allReady = (app, count) => podsOf(app).filter(({ status }) => isReady(status)).length === count
/** @param {string} service */
const addresses = service => list('endpointslices').filter(({ metadata }) => metadata.labels['kubernetes.io/service-name'] === service).flatMap(({ endpoints }) => endpoints ?? []).length
/** @param {string} pod Returns whether the budget allows it. */
const evict = pod => {
  try {
    kubectl(['create', '--raw', `/api/v1/namespaces/default/pods/${pod}/eviction`, '-f', '-'], JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: 'default' } }))
    return true
  } catch (error) {
    const { stderr } = /** @type {{ stderr: string }} */ (error)
    if (!stderr.includes('disruption budget')) throw error
    return false
  }
}

let watching = false
let over = false

try {
  const [, version] = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(here, 'go.mod'), 'utf8')) ?? []
  const versions = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].map(name => `-X ${name}.gitVersion=${version}`)
  execFileSync('go', ['build', `-ldflags=-s -w ${versions.join(' ')}`, '-o', 'cluster', '.'], { cwd: here, stdio: 'inherit' })
  const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', keda], { encoding: 'utf8', cwd: here }))
  startControlPlane()
  await until('the API server is ready', () => { try { return kubectl(['get', '--raw', '/readyz']) === 'ok' } catch { return false } })
  console.log(`# Kubernetes ${JSON.parse(kubectl(['version', '-o', 'json'])).serverVersion.gitVersion}, ${keda}`)
  await until('the namespace has its service account', () => list('serviceaccounts').some(({ metadata }) => metadata.namespace === 'default'))
  kubectl(['apply', '--server-side', '-f', join(Dir, 'config/crd/bases/keda.sh_scaledobjects.yaml')])
  for (const name of ['gpu-1', 'gpu-2', 'gpu-3']) machine(name, true)
  for (const name of ['plain-1', 'plain-2']) machine(name, false)
  apply([
    { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'local-models' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'llmux-keys' }, stringData: { API_KEYS: 'a', ADMIN_KEY: 'b', NODE_API_KEY: 'c', NODE_ADMIN_KEY: 'd', EDGE_KEY: 'e' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'llmux-node' }, stringData: { 'config.yaml': 'models: {}' } }
  ])
  kubectl(['create', 'configmap', 'llmux-edge', `--from-file=${join(root, 'deploy/edge.js')}`])
  await until('KEDA\'s resource is known', () => { try { kubectl(['get', 'scaledobjects']); return true } catch { return false } })

  const manifests = join(root, 'deploy/kubernetes-fleet.yaml')
  kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', join(root, 'deploy/kubernetes.yaml')])
  check(true, 'deploy/kubernetes.yaml is accepted, without a warning or an unknown field')
  kubectl(['apply', '--validate=strict', '-f', manifests])
  check(true, 'deploy/kubernetes-fleet.yaml is accepted, without a warning or an unknown field')

  const watch = kubelet()
  await until('two nodes run', () => allReady('llmux-node', 2))
  await until('two edges run', () => allReady('llmux-edge', 2))
  const machines = podsOf('llmux-node').map(({ spec }) => spec.nodeName)
  check(new Set(machines).size === 2 && machines.every(name => name.startsWith('gpu-')), `nodes have a machine with a GPU each: ${machines.join(', ')}`)
  const edges = podsOf('llmux-edge').map(({ spec }) => spec.nodeName)
  check(new Set(edges).size === 2 && edges.every(name => name.startsWith('plain-')), `edges are spread over machines without GPUs: ${edges.join(', ')}`)
  await until('both services have two addresses', () => addresses('llmux-node') === 2 && addresses('llmux') === 2)
  await until('each node has the disk of its machine', () => list('persistentvolumeclaims').filter(({ status }) => status.phase === 'Bound').length === 2)

  await until('one node may be evicted', () => get('pdb', 'llmux-node').status.disruptionsAllowed === 1)
  check(evict('llmux-node-0') && !evict('llmux-node-1'), 'one node is evicted, and not the other one before it is back')
  await until('it is back', () => allReady('llmux-node', 2) && get('pdb', 'llmux-node').status.disruptionsAllowed === 1)
  const [one, two] = podsOf('llmux-edge').map(({ metadata }) => metadata.name)
  check(evict(one) && !evict(two), 'the same of edges')
  await until('two edges run again', () => allReady('llmux-edge', 2))

  seen.ended = []
  watching = true
  kubectl(['patch', 'statefulset', 'llmux-node', '--type=merge', '-p', '{"spec":{"template":{"metadata":{"annotations":{"version":"2"}}}}}'])
  await until('an update has reached all nodes', () => podsOf('llmux-node').filter(({ metadata, status }) => metadata.annotations?.version === '2' && isReady(status)).length === 2)
  watching = false
  check(seen.unready <= 1 && seen.ended.join() === 'llmux-node-1,llmux-node-0', `one after the other: ${seen.ended.join(', ')}`)

  kubectl(['scale', 'statefulset', 'llmux-node', '--replicas=4'])
  await until('a third node has the third machine', () => allReady('llmux-node', 3))
  const unplaced = () => podsOf('llmux-node').find(({ spec }) => spec.nodeName === undefined)?.status.conditions?.find((/** @type {any} */ { type }) => type === 'PodScheduled')
  await until('a fourth waits for a machine', () => unplaced()?.reason === 'Unschedulable')
  console.log(`# ${unplaced()?.message}`)
  over = true
  await watch
} catch (error) {
  const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error)
  check(false, stderr || message)
} finally {
  over = true
  for (const program of programs.reverse()) {
    program.removeAllListeners('exit')
    program.kill()
    if (program.exitCode === null) await once(program, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
console.log(`# ${failures} failed`)
