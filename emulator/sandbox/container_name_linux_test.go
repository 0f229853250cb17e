package sandbox

import (
	"context"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docker ps tells the function of each container by its name, and two environments of one function have names of their own.
func TestContainerNames(t *testing.T) {
	c := newContainer(t, ContainerOptions{Spares: -1})
	for i, name := range []string{"orders", "orders", "Größe/2"} {
		s := spec(helperCode(t), newRecord())
		s.Function.Name = name
		in, err := c.Start(context.Background(), s)
		if err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
		defer stop(t, in, 0)
	}
	states, err := c.world.engine.Containers(context.Background(), map[string]string{labelSession: c.options.Session})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, s := range states {
		got[regexp.MustCompile(`[0-9a-f]{12}-\d+$`).ReplaceAllString(s.Name, "SESSION-N")]++
	}
	want := map[string]int{"emulate-orders-SESSION-N": 2, "emulate-Gr--e-2-SESSION-N": 1, "emulate-network-SESSION-N": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
