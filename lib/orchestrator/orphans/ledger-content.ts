import type { PidRealm, ProcessIdentity } from './identity.ts'
import type { OutsideRecord } from './outside.ts'

/** What a gateway writes down of what would outlive it. */
export interface LedgerContent {
  version: 1
  realm: PidRealm
  /** The gateway. */
  owner: ProcessIdentity
  /** Its private directory of sockets. */
  directory: string | undefined
  groups: LedgerGroup[]
  /** What lives outside the groups. */
  outside?: OutsideRecord[]
}

export interface LedgerGroup {
  /** The group's number: that of its first process, which may be dead while others of the group live. */
  id: number
  /** The processes that were last seen in it. */
  members: ProcessIdentity[]
}

/** Numbers above 1: to signal group 1 or 0 would be to signal everybody, or ourselves. */
const isPid = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 1
const isPositive = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

function isIdentity (value: any, pid = isPid): boolean {
  return pid(value?.pid) && Number.isSafeInteger(value.startTime)
}

function isGroup (value: any): boolean {
  return isPid(value?.id) && Array.isArray(value.members) && value.members.every((member: unknown) => isIdentity(member))
}

const isCommand = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(word => typeof word === 'string')

function isOutside (value: any): boolean {
  return isCommand(value?.end) && (value.list === undefined || isCommand(value.list))
}

/** @throws if it is not what a gateway writes */
export function parseLedger (text: string): LedgerContent {
  const value = JSON.parse(text)
  const isWhole = value?.version === 1 &&
    isText(value.realm?.bootId) && isText(value.realm.namespace) &&
    // A gateway may be the first process of its container.
    isIdentity(value.owner, isPositive) &&
    (value.directory === undefined || isText(value.directory)) &&
    Array.isArray(value.groups) && value.groups.every(isGroup) &&
    (value.outside === undefined || (Array.isArray(value.outside) && value.outside.every(isOutside)))
  if (!isWhole) throw new Error('it is not what a gateway writes')
  return value
}
