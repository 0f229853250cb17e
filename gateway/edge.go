package gateway

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
)

// edgeHop is the address of the CloudFront hop in X-Forwarded-For: one that is set aside for documentation.
const edgeHop = "192.0.2.1"

// edgeHeaders adds what CloudFront adds in front of an edge-optimised API (spec apigateway.md §1.5).
func (x *exchange) edgeHeaders() {
	via := "2.0 " + stableID(14, x.api.ID) + ".cloudfront.net (CloudFront)"
	merged := false
	for i := range x.headers {
		h := &x.headers[i]
		switch {
		case h.name == forwardedForHeader:
			h.value += ", " + edgeHop
		case equalFold(h.name, "Via"):
			h.value += ", " + via
			merged = true
		}
	}
	if !merged {
		x.headers = append(x.headers, header{"Via", via})
	}
	x.headers = append(x.headers,
		header{"CloudFront-Forwarded-Proto", "http"},
		header{"CloudFront-Is-Desktop-Viewer", "true"},
		header{"CloudFront-Is-Mobile-Viewer", "false"},
		header{"CloudFront-Is-SmartTV-Viewer", "false"},
		header{"CloudFront-Is-Tablet-Viewer", "false"},
		header{"CloudFront-Viewer-ASN", "64496"},
		header{"CloudFront-Viewer-Country", "US"},
		header{"X-Amz-Cf-Id", newEdgeID()})
}

// addEdge adds CloudFront's headers to the answer of an edge-optimised API (spec apigateway.md §5.3).
func (x *exchange) addEdge(status int) {
	if !x.api.edge() {
		return
	}
	cache := "Miss from cloudfront"
	if status >= 400 {
		cache = "Error from cloudfront"
	}
	x.put("Via", "1.1 "+stableID(14, x.api.ID)+".cloudfront.net (CloudFront)")
	x.put("X-Cache", cache)
	x.put("X-Amz-Cf-Pop", "IAD12-P1")
	x.put("X-Amz-Cf-Id", newEdgeID())
}

// newEdgeID is an id of the shape of X-Amz-Cf-Id.
func newEdgeID() string {
	var b [40]byte
	for i := 0; i < len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], rand.Uint64())
	}
	return base64.URLEncoding.EncodeToString(b[:])
}
