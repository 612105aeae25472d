-- For wrk: the targets of a file in their order, then the end at once (else it would sit out its time).
-- wrk asks for one request before it starts.
local targets, at = {}, -1

function init(args)
  for line in io.lines(args[1]) do targets[#targets + 1] = wrk.format("GET", line) end
end

function request()
  at = at + 1
  if at > #targets then os.exit(0) end
  return targets[math.max(at, 1)]
end
