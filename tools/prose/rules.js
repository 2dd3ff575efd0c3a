// What a reader would have to read twice. A pattern, and what to write instead.

/** @type {Array<[RegExp, string]>} */
export const riddles = [
  [/\b(?:who|what)ever\b(?! (?:else|you|its|the|they|happens|value|you)\b)/i, 'name the thing: a client, a request, an operator'],
  [/\b(?:who|he|she) (?:who|that)\b/i, 'name the person or the thing'],
  [/\bthose (?:who|that)\b/i, 'name them: requests, models, clients'],
  [/\bof one's own\b|\bof (?:yours|ours|theirs) own\b/i, 'your own, our own'],
  [/\bin (?:the|its|their) midst\b|\bamidst\b/i, 'while, during, in the middle of'],
  [/\b(?:is|are|was|were) told of\b|\btold (?:so|of)\b/i, 'say who reports it and where'],
  [/\bc[oa]me(?:s)? to (?:nothing|nought|harm)\b|\bnought\b/i, 'failed, zero'],
  [/\bwhat becomes? of\b|\bbecomes? of\b|\bbecome of\b/i, 'what happens to'],
  [/(?<!there )\bis no (?:error|request|key|GPU|port)\b/i, 'is not a'],
  [/\bgoes? before\b/i, 'takes precedence over'],
  [/\bfor ever\b/i, 'forever, never'],
  [/\bmend(?:ed|s)?\b/i, 'fix'],
  [/\bseldom\b|\bforetell\b|\bnigh\b|\bsave in\b|\blest\b|\bupon\b/i, 'use a modern word'],
  [/\ba look (?:at|into)\b/i, 'use the verb'],
  [/\b(?:are|is) at hand\b/i, 'available'],
  [/\bnot even .* has\b/i, 'turn the sentence around'],
  [/\bof no use\b/i, 'say what is wrong with it'],
  [/\bas ever\b/i, 'as before'],
  [/\b(?:dearest|dearer)\b/i, 'most expensive'],
  [/\bstrangers?\b/i, 'another process'],
  [/\ball of it, not only\b/i, 'say it in two sentences'],
  [/^(?:Of|With) \w+ (?:it|there) (?:is|are) /i, 'begin with the subject']
]

/** Words of one sentence at most. */
export const longest = 45
