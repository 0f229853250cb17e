package sandbox

import (
	"os"
	"testing"
)

// On every system a second emulator, whether it removes folders or containers, knows that the first one lives.
func TestSessionIsKnownToLive(t *testing.T) {
	temp := t.TempDir()
	s, err := openSession(temp)
	if err != nil {
		t.Fatal(err)
	}
	if !lives(s.dir) {
		t.Error("an emulator that lives is taken for dead")
	}
	if removed, living := Sweep(temp); len(removed) != 0 || living != 1 {
		t.Errorf("%v were removed, %d live", removed, living)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); err == nil || lives(s.dir) {
		t.Error("an emulator that has ended is taken for one that lives")
	}
}
