package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lambda takes 16 KB of settings over an image's own.
func TestImageSettingsHaveAnEnd(t *testing.T) {
	for size, want := range map[int]string{maxImageConfig: "", maxImageConfig + 1: "the image's settings take 16385 bytes; Lambda takes 16384"} {
		path := filepath.Join(t.TempDir(), "emulate.yaml")
		text := "functions: {hello: {image: {uri: hello, entryPoint: [/a], command: [" + strings.Repeat("x", size-4) + "], workingDirectory: /b}}}\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, list, err := Load(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range list {
			got += d.Message
		}
		if got != want {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}

func TestImageReferences(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0f", 32)
	for ref, want := range map[string]bool{
		"hello": true, "hello:latest": true, "team/hello:v1.2-rc_3": true, "localhost:5000/hello": true, "Registry.Example/hello": true,
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/a/b-c/d__e:0" + digest: true, "hello" + digest: true, strings.Repeat("0f", 32): true,
		"sha256:" + strings.Repeat("0f", 32): true,
		"":                                   false, "Hello": false, "hello:": false, "hello:-x": false, "hello@sha256:12": false, "a//b": false, "-a": false, "a b": false, "./a": false,
		"https://example.com/hello": false, "a___b": false, "hello:" + strings.Repeat("x", 129): false,
	} {
		if got := imageReferences.MatchString(ref); got != want {
			t.Errorf("%q: %v, want %v", ref, got, want)
		}
	}
	for name, want := range map[string]bool{"own": true, "my_net-1.2": true, "": false, "a b": false, "container:1": false, "-x": false} {
		if got := ValidNetwork(name); got != want {
			t.Errorf("network %q: %v, want %v", name, got, want)
		}
	}
}
