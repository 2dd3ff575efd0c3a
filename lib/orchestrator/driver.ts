import type { Dispatcher } from 'undici'
import type { SleepMode } from '../engines/index.ts'
import type { ResolvedModel } from '../options/types.ts'

export type { SleepMode } from '../engines/index.ts'

/** Where a running engine answers. */
export interface Endpoint {
  /** `http://127.0.0.1:PORT`, or `http://engine` behind a unix socket. */
  origin: string
  /** Connections to this engine only, as many as there are requests, none kept idle for longer than engines keep them. */
  dispatcher: Dispatcher
  /** The key that the engine requires. */
  apiKey: string | undefined
}

/** How the leader of a process group ended. Exit code 0 is no better than others: a dead engine has been seen to return 0. */
export interface ProcessExit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** One process group, from its spawn until all of its processes have ended. */
export interface EngineProcess {
  /** The leader's number, which is the group's; undefined for a server that runs elsewhere. */
  readonly pid: number | undefined
  /** The last lines of its output, oldest first. */
  lastLines (count: number): string[]
  /** Sends a signal to the whole group; an empty group is not an error. */
  signal (signal: NodeJS.Signals): void
  /** Resolves with true as soon as the group is empty, with false after `limit` milliseconds. */
  gone (limit: number): Promise<boolean>
  /** Resolves when all output of the group has been read, or after a moment if another process keeps its pipes open. */
  flushed (): Promise<void>
}

/**
 * Starts, probes, puts to sleep, wakes, stops and addresses engines. Time limits are the caller's: it aborts the signal, and
 * the call ends at once. A rejection says in words what went wrong.
 */
export interface Driver {
  /** Checks what can be known before anything is started, and leaves no trace. Rejects with NotStartableError. */
  check (model: ResolvedModel): Promise<void>
  /** Checks what can be known before a start. Rejects with NotStartableError. */
  prepare (model: ResolvedModel): Promise<void>
  /**
   * Resolves as soon as the process exists; rejects with SpawnError. `onExit` is called, later, at the leader's end;
   * `onText` with each line of its output and each state of a progress bar. `memoryShare` of each of its GPUs is what it is
   * told to take.
   */
  spawn (model: ResolvedModel, onExit: (exit: ProcessExit) => void, onText?: (text: string) => void, memoryShare?: number): Promise<EngineProcess>
  endpoint (model: ResolvedModel): Endpoint
  /** Breaks every connection to the engine, or lets those in use come to their end if `gently`. */
  disconnect (model: ResolvedModel, gently: boolean): void
  /** Whether the engine says that it is healthy. Never rejects. */
  probe (model: ResolvedModel, signal: AbortSignal): Promise<boolean>
  /** Whether the engine's core answers, which `/health` does not tell. Never rejects. */
  responds (model: ResolvedModel, signal: AbortSignal): Promise<boolean>
  /** The version that the engine says it is, `0.32.0`; undefined if it does not say. Never rejects. */
  version (model: ResolvedModel, signal: AbortSignal): Promise<string | undefined>
  sleep (model: ResolvedModel, level: 1 | 2, mode: SleepMode, signal: AbortSignal): Promise<void>
  /** Allocates the memory again: all of it, or what the tag names. */
  wake (model: ResolvedModel, tag: 'weights' | 'kv_cache' | undefined, signal: AbortSignal): Promise<void>
  reload (model: ResolvedModel, signal: AbortSignal): Promise<void>
  resetPrefixCache (model: ResolvedModel, signal: AbortSignal): Promise<void>
  /** Loads a LoRA adapter of `adapterPaths`, also if the engine has one of that name already. Rejects with what the engine says. */
  loadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void>
  unloadAdapter (model: ResolvedModel, name: string, signal: AbortSignal): Promise<void>
  /** Generates one token; resolves with false if the model is not one that generates. */
  warmUp (model: ResolvedModel, signal: AbortSignal): Promise<boolean>
  /** Removes its own files. Called when no engine is left. */
  close (): Promise<void>
}
