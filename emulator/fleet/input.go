package fleet

// Op is the kind of an Input: the method of Fleet of the same name.
type Op uint8

// The inputs.
const (
	OpConfigure Op = iota + 1
	OpRemove
	OpClose
	OpInvoke
	OpStarted
	OpReady
	OpResponded
	OpFreed
	OpFailed
	OpGone
	OpAbandon
	OpWake
	OpProvision
	OpCold
	OpRenew
)

// Input is one call of a method of Fleet as a value: what an owner records, to replay it. Which fields are meaningful depends on Op.
type Input struct {
	Time Time
	Func FuncID
	Pool Pool
	Env  EnvID
	Req  ReqID
	// N is the generation (OpConfigure), the free slots (OpReady), those that were freed (OpFreed), the concurrency (OpProvision), or the number of
	// environments (OpCold).
	N     int32
	Op    Op
	Cause Cause
	// Limits are OpConfigure's.
	Limits Limits
}

// Apply calls the method that in stands for. Two fleets that are given the same inputs take the same decisions, to the last bit. An unknown Op is
// a protocol violation.
func (f *Fleet) Apply(in Input, out []Decision) []Decision {
	switch in.Op {
	case OpConfigure:
		return f.Configure(in.Time, in.Func, in.Limits, in.N, out)
	case OpRemove:
		return f.Remove(in.Time, in.Func, out)
	case OpClose:
		return f.Close(in.Time, out)
	case OpInvoke:
		return f.Invoke(in.Time, in.Func, in.Pool, in.Req, out)
	case OpStarted:
		return f.Started(in.Time, in.Env, out)
	case OpReady:
		return f.Ready(in.Time, in.Env, in.N, out)
	case OpResponded:
		return f.Responded(in.Time, in.Env, in.Req, out)
	case OpFreed:
		return f.Freed(in.Time, in.Env, in.N, out)
	case OpFailed:
		return f.Failed(in.Time, in.Env, in.Cause, out)
	case OpGone:
		return f.Gone(in.Time, in.Env, out)
	case OpAbandon:
		return f.Abandon(in.Time, in.Req, out)
	case OpWake:
		return f.Wake(in.Time, out)
	case OpProvision:
		return f.Provision(in.Time, in.Func, in.Pool, in.N, out)
	case OpRenew:
		return f.Renew(in.Time, in.Func, in.Pool, out)
	case OpCold:
		out, _ = f.Cold(in.Time, in.Func, in.N, out)
		return out
	}
	violation("Apply: unknown input %d", in.Op)
	return out
}
