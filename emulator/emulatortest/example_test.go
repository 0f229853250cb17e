package emulatortest_test

import (
	"net/http"
	"testing"

	"example.com/emulate/emulator/emulatortest"
)

// In a test of your own, t is its *testing.T.
func ExampleStart() {
	test := func(t *testing.T) {
		e := emulatortest.Start(t, "./myproject")
		if resp, err := http.Get(e.URL + "/hello"); err != nil || resp.StatusCode != http.StatusOK {
			t.Error("hello does not answer:", resp, err)
		}
	}
	_ = test
}
