package dockerbuild

import (
	"testing"

	"example.com/emulate/emulator/config"
)

func targetFor(runtime string) *target {
	return targetOf(&config.Function{Runtime: runtime, Architecture: hostArch()})
}

func TestTargets(t *testing.T) {
	for runtime, want := range map[string]struct{ system, family, major string }{
		"provided.al2023": {"Amazon Linux 2023", "provided", ""}, "provided.al2": {"Amazon Linux 2", "provided", ""}, "go1.x": {"Amazon Linux 2023", "provided", ""},
		"nodejs18.x": {"Amazon Linux 2", "nodejs", "18"}, "nodejs20.x": {"Amazon Linux 2023", "nodejs", "20"}, "nodejs24.x": {"Amazon Linux 2023", "nodejs", "24"},
		"python3.11": {"Amazon Linux 2", "python", "3.11"}, "python3.9": {"Amazon Linux 2", "python", "3.9"}, "python3.12": {"Amazon Linux 2023", "python", "3.12"},
		"java8.al2": {"Amazon Linux 2", "java", "8"}, "java17": {"Amazon Linux 2", "java", "17"}, "java17.al2023": {"Amazon Linux 2023", "java", "17"}, "java25": {"Amazon Linux 2023", "java", "25"},
		"dotnet6": {"Amazon Linux 2", "dotnet", "6"}, "dotnet8": {"Amazon Linux 2023", "dotnet", "8"}, "dotnetcore3.1": {"Amazon Linux 2", "dotnet", "3.1"},
		"ruby3.2": {"Amazon Linux 2", "ruby", "3.2"}, "ruby3.3": {"Amazon Linux 2023", "ruby", "3.3"}, "ruby4.0": {"Amazon Linux 2023", "ruby", "4.0"},
	} {
		got := targetOf(&config.Function{Runtime: runtime})
		if got.name != want.system || got.family != want.family || got.major != want.major || got.arch != "x86_64" {
			t.Errorf("%s: %s, %s %s, %s", runtime, got.name, got.family, got.major, got.arch)
		}
	}
}

func TestSymbolVersion(t *testing.T) {
	for _, tt := range []struct {
		runtime, version string
		want             verdict
	}{
		{"provided.al2", "GLIBC_2.26", fits}, {"provided.al2", "GLIBC_2.27", lacks}, {"provided.al2", "GLIBC_2.2.5", fits},
		{"provided.al2023", "GLIBC_2.34", fits}, {"provided.al2023", "GLIBC_2.35", lacks}, {"provided.al2023", "GLIBC_2.38", lacks},
		{"provided.al2023", "GLIBC_ABI_DT_RELR", lacks}, {"provided.al2023", "GLIBC_PRIVATE", fits},
		{"provided.al2", "GLIBCXX_3.4.24", fits}, {"provided.al2", "GLIBCXX_3.4.25", lacks}, {"provided.al2", "CXXABI_1.3.12", lacks}, {"provided.al2", "CXXABI_TM_1", fits},
		{"provided.al2023", "GLIBCXX_3.4.29", fits}, {"provided.al2023", "GLIBCXX_3.4.32", perhaps}, {"provided.al2023", "GLIBCXX_3.4.34", lacks},
		{"provided.al2023", "CXXABI_1.3.13", fits}, {"provided.al2023", "CXXABI_1.3.16", lacks},
		{"provided.al2", "GCC_7.0.0", fits}, {"provided.al2", "GCC_12.0.0", lacks}, {"provided.al2023", "GCC_12.0.0", perhaps}, {"provided.al2023", "GCC_15.0.0", lacks},
		{"provided.al2", "OPENSSL_3.0.0", fits}, {"provided.al2", "FOO_", fits}, {"provided.al2", "GLIBC_", fits},
	} {
		if got := targetFor(tt.runtime).symbolVersion(tt.version); got != tt.want {
			t.Errorf("%s, %s: %d, want %d", tt.runtime, tt.version, got, tt.want)
		}
	}
}
