// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const codes = /\u001b\[[\d;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007|[\u0000-\u0008\u000b-\u001f\u007f]/g

/** A line without what a terminal would make colours of. */
export const plain = (line: string) => line.replace(codes, '')
