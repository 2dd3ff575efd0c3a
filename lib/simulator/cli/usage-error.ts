/** The command was called in a wrong way; the message says how. */
export class UsageError extends Error {}
