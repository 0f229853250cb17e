package gateway

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// newUUID makes a random UUID (version 4), the requestId of REST APIs.
func newUUID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// newExtendedID makes 15 characters and "=", the extendedRequestId of REST APIs and the requestId of HTTP APIs (spec apigateway.md §1.2, §2.2).
func newExtendedID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	return base64.URLEncoding.EncodeToString(b[:11])
}

// stableID is n lower-case alphanumerics that depend on nothing but the parts, for what AWS numbers by chance and we must not change on reload.
func stableID(n int, parts ...string) string {
	h := fnv.New128a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	sum := h.Sum(nil)
	hi, lo := binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])
	r := rand.New(rand.NewPCG(hi, lo))
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(out)
}

// traces are the two forms of a request's trace header: in, which the event shows, and out, which goes to the function's environment and into
// the answer of a REST API.
type traces struct{ in, out string }

// newTraces continues the client's trace header, or starts a trace where it has none with a Root (spec apigateway.md §1.5, §5.3). Parent and
// Sampled are only added where the client gave none: tracing is off.
func newTraces(client string, now time.Time) traces {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	var t traces
	t.in = client
	if !strings.Contains(client, "Root=") {
		t.in = newRoot(now)
	}
	out := make([]byte, 0, len(t.in)+64)
	out = append(out, t.in...)
	if !strings.Contains(client, "Parent=") {
		out = append(out, ";Parent="...)
		out = hex.AppendEncode(out, b[:8])
	}
	if !strings.Contains(client, "Sampled=") {
		out = append(out, ";Sampled=0"...)
	}
	if !strings.Contains(client, "Lineage=") {
		out = append(out, ";Lineage=1:"...)
		out = hex.AppendEncode(out, b[8:12])
		out = append(out, ":0"...)
	}
	t.out = string(out)
	return t
}

// newRoot is Root=1-<8 hex of the time>-<24 hex>.
func newRoot(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint32(b[:4], uint32(now.Unix()))
	binary.BigEndian.PutUint64(b[4:12], rand.Uint64())
	binary.BigEndian.PutUint32(b[12:], rand.Uint32())
	out := make([]byte, 0, 40)
	out = append(out, "Root=1-"...)
	out = hex.AppendEncode(out, b[:4])
	out = append(out, '-')
	out = hex.AppendEncode(out, b[4:])
	return string(out)
}
