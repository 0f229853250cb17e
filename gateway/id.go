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

// ids are those of one request.
type ids struct {
	// uuid is a random UUID (version 4), the requestId of REST APIs.
	uuid string
	// extended is 15 characters and "=", the extendedRequestId of REST APIs and the requestId of HTTP APIs (spec apigateway.md §1.2, §2.2).
	extended string
}

const uuidLen, extendedLen = 36, 16

func newIDs() ids {
	var b [32]byte
	for i := 0; i < len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], rand.Uint64())
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [uuidLen + extendedLen]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	base64.URLEncoding.Encode(out[uuidLen:], b[16:27])
	text := string(out[:])
	return ids{text[:uuidLen], text[uuidLen:]}
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
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], rand.Uint64())
	}
	var memory [160]byte
	out := append(memory[:0], client...)
	if !strings.Contains(client, "Root=") {
		out = appendRoot(out[:0], now, b[12:24])
		client = ""
	}
	in := len(out)
	if !strings.Contains(client, "Parent=") {
		out = hex.AppendEncode(append(out, ";Parent="...), b[:8])
	}
	if !strings.Contains(client, "Sampled=") {
		out = append(out, ";Sampled=0"...)
	}
	if !strings.Contains(client, "Lineage=") {
		out = append(hex.AppendEncode(append(out, ";Lineage=1:"...), b[8:12]), ":0"...)
	}
	text := string(out)
	return traces{in: text[:in], out: text}
}

// appendRoot appends Root=1-<8 hex of the time>-<24 hex>.
func appendRoot(out []byte, now time.Time, random []byte) []byte {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(now.Unix()))
	out = hex.AppendEncode(append(out, "Root=1-"...), b[:])
	return hex.AppendEncode(append(out, '-'), random)
}
