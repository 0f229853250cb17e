package docker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/network"
)

// Everything of one owner goes, whatever uses what; what is another's stays.
func TestSweep(t *testing.T) {
	e, _ := theEngine(t)
	name := fmt.Sprintf("emulate-docker-sweep-%d", os.Getpid())
	theirs := map[string]string{"example.com.emulate.sweep": name, "keep": "no"}
	for k, v := range ours {
		theirs[k] = v
	}
	kept := map[string]string{"example.com.emulate.sweep": name, "keep": "yes"}
	for k, v := range ours {
		kept[k] = v
	}
	if err := e.CreateVolume(t.Context(), name, theirs); err != nil {
		t.Fatal(err)
	}
	if err := e.CreateVolume(t.Context(), name+"-kept", kept); err != nil {
		t.Fatal(err)
	}
	made, err := e.api.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge", Labels: theirs})
	if err != nil {
		t.Fatal(err)
	}
	base, err := e.Build(t.Context(), BuildSpec{Context: toolDir(t, map[string]string{"Dockerfile": "FROM IMAGE\nENV A=1\n"}), Tag: name + "-base", Labels: theirs}, nil)
	if err != nil {
		t.Fatal(err)
	}
	child := t.TempDir()
	write(t, child, map[string]string{"Dockerfile": "FROM " + name + "-base\nENV B=1\n"})
	if _, err := e.Build(t.Context(), BuildSpec{Context: child, Tag: name + "-child", Labels: theirs}, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		id, err := e.Create(t.Context(), Spec{Image: base.ID, Cmd: []string{"wait"}, Network: name, Labels: theirs, Mounts: []Mount{{Volume: name, Target: "/v"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Create(t.Context(), Spec{Image: base.ID, Network: "none", Labels: theirs}); err != nil { // one that never ran
		t.Fatal(err)
	}

	wantKind(t, e.RemoveVolume(t.Context(), name), Conflict)
	if err := e.RemoveNetwork(t.Context(), made.ID); err == nil {
		t.Error("a network in use was removed")
	}
	wantKind(t, e.RemoveImage(t.Context(), base.ID), Conflict)

	label := map[string]string{"example.com.emulate.sweep": ""}
	removed, err := e.Sweep(t.Context(), label, func(o Owned) bool { return o.Labels["keep"] == "no" })
	if err != nil {
		t.Fatal(err)
	}
	count := map[OwnedKind]int{}
	for _, o := range removed {
		count[o.Kind]++
	}
	if count[OwnedContainer] != 4 || count[OwnedVolume] != 1 || count[OwnedNetwork] != 1 || count[OwnedImage] != 2 {
		t.Errorf("removed %v: %+v", count, removed)
	}
	left, err := e.Owned(t.Context(), label)
	if err != nil || len(left) != 1 || left[0].Kind != OwnedVolume || left[0].Name != name+"-kept" {
		t.Errorf("left %+v, %v", left, err)
	}
	if removed, err = e.Sweep(t.Context(), label, nil); err != nil || len(removed) != 1 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if removed, err = e.Sweep(t.Context(), label, nil); err != nil || len(removed) != 0 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	for _, remove := range []func(context.Context, string) error{e.RemoveVolume, e.RemoveNetwork, e.RemoveImage, e.Remove} {
		if err := remove(t.Context(), name); err != nil {
			t.Errorf("removing what is gone: %v", err)
		}
	}
}

// What stands in the way of one does not keep the others.
func TestSweepTellsWhatItCannotRemove(t *testing.T) {
	e, _ := theEngine(t)
	name := fmt.Sprintf("emulate-docker-stuck-%d", os.Getpid())
	labels := map[string]string{"example.com.emulate.sweep": name}
	for k, v := range ours {
		labels[k] = v
	}
	for _, v := range []string{name + "-a", name + "-b"} {
		if err := e.CreateVolume(t.Context(), v, labels); err != nil {
			t.Fatal(err)
		}
	}
	user := create(t, e, Spec{Mounts: []Mount{{Volume: name + "-a", Target: "/v"}}}) // another's container, of our volume
	removed, err := e.Sweep(t.Context(), map[string]string{"example.com.emulate.sweep": name}, nil)
	wantKind(t, err, Conflict, name+"-a")
	if len(removed) != 1 || removed[0].Name != name+"-b" {
		t.Errorf("removed %+v", removed)
	}
	if err := e.Remove(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if removed, err = e.Sweep(t.Context(), map[string]string{"example.com.emulate.sweep": name}, nil); err != nil || !slices.ContainsFunc(removed, func(o Owned) bool { return o.Name == name+"-a" }) {
		t.Errorf("removed %+v, %v", removed, err)
	}
}
