// Package emulatortest serves a project within a Go test.
//
//	func TestOrders(t *testing.T) {
//		e := emulatortest.Start(t, "./orders")       // builds, listens on free ports, stops with the test
//		resp, err := http.Get(e.URL + "/orders/42")  // through the project's API
//		…
//		var total struct{ Sum float64 }
//		err = e.Invoke("total", map[string]int{"order": 42}, &total)
//		…
//		if n := e.ColdStarts("total"); n != 1 { … }
//	}
//
// Many can run in one process and in parallel. When the test fails, or with -v, its log shows what the handlers
// wrote, every request with the reason of a failure, and warnings about the configuration.
package emulatortest
