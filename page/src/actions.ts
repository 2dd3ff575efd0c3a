import { modelPath } from './api.ts'
import { plural } from './format.ts'
import { lookSoon } from './live.ts'
import { answer, ask } from './question.ts'
import type { Question } from './question.ts'
import type { InFlight, Model, Status, Waiting } from './types.ts'

export type Action =
  | { kind: 'switch' | 'stop' | 'restart' | 'disable' | 'enable' | 'pin', model: Model }
  | { kind: 'sleep', model: Model, level: number }
  | { kind: 'cut', request: InFlight | Waiting }
  | { kind: 'pause' | 'resume' | 'unpin' }

/** Runs harmless actions at once, and asks before all others. */
export function act (action: Action, status: Status): void {
  const wanted = { ...questionOf(action, status), done: () => lookSoon(0) }
  if (action.kind === 'resume' || action.kind === 'enable' || action.kind === 'unpin') answer(wanted, wanted.answers[0]!)
  else ask(wanted)
}

/** What happens to requests in flight when a model makes room for another one, goes to sleep at a level, or is stopped. */
function flying (model: Model, way: 'switch' | 'stop' | { level: number }): string {
  const { inFlight, freeze } = model
  if (inFlight === 0) return 'No request is in flight.'
  const who = `${plural(inFlight, 'request')} in flight`
  const freezes = way !== 'stop' && freeze !== false && (way === 'switch' || way.level <= (model.sleepLevel ?? 1))
  if (!freezes) return `${who} may end first, for as long as timeouts.drain allows; then they are cut.`
  if (way === 'switch' && freeze === true) return `${who}: frozen at once where possible, and continued when ${model.name} is next awake. None is cut.`
  return `${who} may end first, for as long as timeouts.drain allows; then they are frozen, and continue when ${model.name} is next awake.`
}

/** An order to stop its processes lets them finish first. */
const thawed = ({ name, frozen = 0 }: Model) => frozen === 0 ? [] : [`${name} is woken first: ${plural(frozen, 'frozen request')} ${frozen === 1 ? 'comes' : 'come'} to the end.`]

const waiters = ({ name, waiting }: Model) => waiting === 0 ? `The next request for ${name} brings it back.` : `${waiting} ${waiting === 1 ? 'waits' : 'wait'} for it and will bring it back at once.`

function questionOf (action: Action, status: Status): Question {
  switch (action.kind) {
    case 'switch': return switchTo(action.model, status)
    case 'sleep': {
      const { model, level } = action
      return { title: `Put ${model.name} to sleep at level ${level}?`, text: [flying(model, { level }), waiters(model)], answers: [{ label: 'Put to sleep', path: modelPath(model.name, 'sleep'), body: { level } }] }
    }
    case 'stop': return { title: `Stop ${action.model.name}?`, text: [flying(action.model, 'stop'), ...thawed(action.model), 'Its processes end, and its next request waits for a full start.', waiters(action.model)], answers: [{ label: 'Stop', danger: true, path: modelPath(action.model.name, 'stop') }] }
    case 'restart': return { title: `Restart ${action.model.name}?`, text: [flying(action.model, 'stop'), ...thawed(action.model), ...evicted(action.model, status), 'Its processes end, and start again.'], answers: [{ label: 'Restart', danger: true, path: modelPath(action.model.name, 'restart') }] }
    case 'pin': return { title: `Pin ${action.model.name}?`, text: ['Once it is awake, the policy does not leave it. Requests for other models on its GPU wait until their limit. Requests in flight are not affected.'], answers: [{ label: 'Pin', path: 'pin', body: { model: action.model.name } }] }
    case 'unpin': return { title: 'Unpin', text: [], answers: [{ label: 'Unpin', path: 'unpin' }] }
    case 'disable': return { title: `Disable ${action.model.name}?`, text: [action.model.inFlight === 0 ? 'No request is in flight.' : `${plural(action.model.inFlight, 'request')} in flight ${action.model.inFlight === 1 ? 'runs' : 'run'} to the end.`, action.model.waiting === 0 ? 'Its requests are refused with 503.' : `${action.model.waiting} that ${action.model.waiting === 1 ? 'waits' : 'wait'}, and all new requests for it, are refused with 503.`, ...(action.model.frozen ?? 0) > 0 ? [`${plural(action.model.frozen!, 'frozen request')} will be ended with 503.`] : [], 'Nothing starts or wakes it until it is enabled again.'], answers: [{ label: 'Disable', danger: true, path: modelPath(action.model.name, 'disable') }] }
    case 'enable': return { title: `Enable ${action.model.name}`, text: [], answers: [{ label: 'Enable', path: modelPath(action.model.name, 'enable') }] }
    case 'cut': return { title: `End request ${action.request.request ?? action.request.id}?`, text: ['position' in action.request ? 'Its client gets 503 LLMUX_ERR_REQUEST_CUT.' : 'Its client gets 503, or a broken stream if the answer has begun. The engine stops working on it.'], answers: [{ label: 'End it', danger: true, path: `requests/${action.request.id}/cut` }] }
    case 'pause': return { title: 'Pause?', text: ['Switching: awake models continue to serve; requests for other models wait within their limits.', 'Traffic: no request is admitted. Requests in flight run to their end in both cases.'], answers: [{ label: 'Pause traffic', danger: true, path: 'pause', body: { what: 'traffic' } }, { label: 'Pause switching', path: 'pause', body: { what: 'switching' } }] }
    case 'resume': return { title: 'Resume', text: [], answers: [{ label: 'Resume', path: 'resume' }] }
  }
}

function switchTo (model: Model, status: Status): Question {
  const cold = model.state === 'stopped' || model.state === 'failed'
  const text = [...evicted(model, status), cold ? 'It needs a full start.' : 'It is woken.', 'Afterwards the policy decides again.']
  return { title: `Switch to ${model.name}?`, text, answers: [{ label: 'Switch', path: modelPath(model.name, 'switch') }] }
}

function evicted (model: Model, { models }: Status): string[] {
  const others = models.filter(({ name, state, gpus }) => name !== model.name && state === 'awake' && gpus.some(gpu => model.gpus.includes(gpu)))
  return others.map(other => `${other.name} goes to sleep if it must make room. ${flying(other, 'switch')}`)
}
