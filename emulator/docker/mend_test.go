package docker

import (
	"path/filepath"
	"strings"
	"testing"
)

// What the engine is for this package does not know, so its mends name no other image and no setting of emulate: a function that is an image has none.
func TestMendsOfTheEngineAlone(t *testing.T) {
	e := &Engine{dial: newDialer(address{network: "unix", where: filepath.Join(t.TempDir(), "none.sock")})}
	e.info.Arch = "amd64"
	mends := map[string]string{"nowhere": mendAbsent, "pull": mendPull("example.com/app:1", "no such host"), "credentials": mendHelper}
	for _, k := range []Kind{Absent, Stopped, NoPermission, DiskFull, ImageMissing, WrongPlatform} {
		mends[string(k)] = e.mend(&Error{Kind: k})
	}
	for of, mend := range mends {
		if mend == "" {
			t.Errorf("%s has no mend", of)
		}
		for _, around := range []string{"--executor", "--build-host", "buildImage", "{image"} {
			if strings.Contains(mend, around) {
				t.Errorf("%s: %q names %s", of, mend, around)
			}
		}
	}
}
