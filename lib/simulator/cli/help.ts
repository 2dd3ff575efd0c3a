export const help = `Replays requests under several policies and compares how long people would have waited.

  fastify-llmux simulate [options] FILE.csv ...
  fastify-llmux simulate [options] --generate 'poisson model=a rate=0.25' --generate 'bursts model=b size=10 period=60'

A CSV has a header with time_s, model and service_s (or input_tokens and output_tokens), as the gateway records them.

  --model NAME         model of the file before it, if the file has no column for it
  --generate SPEC      requests by chance; may be repeated. Rates are per second, all times in seconds:
                         poisson model= rate=
                         bursts  model= size= period= [offset=]
                         onoff   model= rate= on= off=
                         surge   model= rate= peak= begin= length=
                         diurnal model= low= high= day=
                       each with [service=4], the mean time of a request (20 or more: long generations)
  --duration SECONDS   how long they come (3600)
  --seed NUMBER        the same seed gives the same requests (1)
  --stretch FACTOR     that many times the time between requests (1)
  --policy POLICY      a name, or options as JSON: '{"type":"fifo","minActive":5000}'; may be repeated (all of them)
  --cost COST          seconds of a switch (10), or a JSON file {"from":{"to":seconds}}
  --start SECONDS      seconds of a model's first start (as any switch)
  --concurrency NUMBER requests that an engine works on at once (32)
  --gpus NUMBER        GPUs of the machine; each model takes one of them (1)
  --nodes NUMBER       machines with a GPU each behind an edge of fastify-llmux/fleet (1)
  --picture DIRECTORY  writes a picture of each policy to POLICY.svg there
  --json               JSON instead of a table; times in milliseconds
  --help
`
