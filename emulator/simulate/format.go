package simulate

// Format is a file of emulate simulate with comments, for its help; README.md has one with every property.
const Format = `  limits: { concurrency: 2000 }             # the account's; startBurst, startsPerSecond and requestRate too, as in emulate.yaml
  for: 1h                                   # how long traffic lasts that does not say it
  functions:
    api:
      runtime: nodejs22.x                   # its cold starts, as AWS's
      memory: 512                           # MB
      duration: { p50: 80ms, p99: 400ms }   # or 120ms, or a list, or { burst: FILE }, as a burst's --json measured it
      reservedConcurrency: 100
      provisionedConcurrency: 20
      warm: { every: 5m, concurrency: 3 }   # pings at once; sequential: true sends one after the other
  traffic:                                  # all of it comes together
    - { to: api, constant: 50/s }           # or 3000/m, or 3600/h
    - { to: api, ramp: { from: 0, to: 200/s }, start: 10m, for: 5m }
    - { to: api, spike: { base: 5/s, peak: 300/s, at: 20m, for: 1m } }
    - { to: api, daily: { low: 3/m, high: 30/m, peak: 14h }, for: 24h, poisson: true }
    - { to: api, atOnce: 500, start: 30s }
    - { trace: requests.csv }               # time in seconds, function, duration in milliseconds or nothing
`
