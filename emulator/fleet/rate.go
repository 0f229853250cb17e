package fleet

// oneToken is the size of one token in a bucket: a rate of r per second fills r units in each nanosecond, so the bucket is exact at every
// nanosecond and never drifts.
const oneToken int64 = 1e9

// bucket holds the starts, or requests, that a rate allows right now.
type bucket struct {
	level, size int64 // in units of 1/oneToken
	rate        int64 // tokens per second
	at          Time  // when level was right
}

func newBucket(now Time, size, rate int64) bucket {
	return bucket{level: size * oneToken, size: size * oneToken, rate: rate, at: now}
}

func (b *bucket) refill(now Time) {
	missing := b.size - b.level
	switch elapsed := int64(now - b.at); {
	case missing == 0:
	case b.rate == 0:
	case elapsed > missing/b.rate:
		b.level = b.size
	default:
		b.level += elapsed * b.rate
	}
	b.at = now
}

func (b *bucket) has(now Time) bool {
	b.refill(now)
	return b.level >= oneToken
}

func (b *bucket) draw(now Time) bool {
	if !b.has(now) {
		return false
	}
	b.level -= oneToken
	return true
}

// resize gives the bucket another size and rate; what has been drawn from it stays drawn.
func (b *bucket) resize(now Time, size, rate int64) {
	b.refill(now)
	b.level = max(0, size*oneToken-(b.size-b.level))
	b.size, b.rate = size*oneToken, rate
}

// nextAt is when the bucket will have a token. Its rate is not 0.
func (b *bucket) nextAt(now Time) Time {
	if b.has(now) {
		return now
	}
	return after(now, Time((oneToken-b.level+b.rate-1)/b.rate))
}

// requestBucket is the bucket of a concurrency's requests: RequestRate per second for each unit of it, and as many at once. So a second that follows an
// idle one may take up to twice that: what the bucket holds, and what flows in. What AWS counts in is not known.
func (f *Fleet) requestBucket(concurrency int32) (size, rate int64) {
	const most = 9e9 // the bucket's size must fit in its units
	rate = min(int64(concurrency)*int64(f.opt.RequestRate), most)
	return rate, rate
}

// quota is the bucket that the requests of fun draw on, in whichever environment they run, and the Reason where it is empty: a reserved function has
// its own, the others share the account's.
func (f *Fleet) quota(fun *function) (*bucket, Reason) {
	if fun.limits.Reserved >= 0 {
		return &fun.requests, ReservedFunctionInvocationRateLimitExceeded
	}
	return &f.account.requests, FunctionInvocationRateLimitExceeded
}

// overRate says whether one more request of fun is one too many for this second; 0 where it is not.
func (f *Fleet) overRate(fun *function) Reason {
	if b, reason := f.quota(fun); !b.has(f.now) {
		return reason
	}
	return 0
}

// drawRequest counts an accepted request. The caller has asked overRate.
func (f *Fleet) drawRequest(fun *function) {
	b, _ := f.quota(fun)
	b.draw(f.now)
}
