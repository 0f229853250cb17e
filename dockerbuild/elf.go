package dockerbuild

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// native is what matters of a file of machine code, whoever's.
type native struct {
	// system is "linux", "linuxmusl", "darwin" or "windows".
	system string
	// arches are "x86_64", "arm64" or another name; a file for macOS may have several.
	arches []string
	// interp is the loader's path, "" where there is none: a library, or a static program.
	interp string
	// needed are DT_NEEDED, in order; soname is DT_SONAME. rpath is looked at before LD_LIBRARY_PATH, runpath after it.
	needed  []string
	soname  string
	rpath   []string
	runpath []string
	// needs are the symbol versions that must be there, defines those that a library has.
	needs   []symbolNeed
	defines []string
	// node is what a Node.js add-on says of itself: "napi", a NODE_MODULE_VERSION, or "" where it says nothing.
	node string
	// err is why an ELF file could not be read.
	err error
}

// symbolNeed is a symbol version that a file needs of a library.
type symbolNeed struct{ library, version string }

// headSize is how much of a file tells its kind.
const headSize = 64

// readNative reads a file if it is machine code; nil means that it is not.
func readNative(path string) (*native, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return readELF(f, strings.HasSuffix(path, ".node")), nil
	case isMachO(head):
		return &native{system: "darwin", arches: machOArches(head)}, nil
	case isPE(f, head):
		return &native{system: "windows", arches: []string{peArch(f, head)}}, nil
	}
	return nil, nil
}

// readELF reads what the dynamic loader would look at. A damaged file must not bring the check down, so that debug/elf's panics end here.
func readELF(r io.ReaderAt, addOn bool) (n *native) {
	n = &native{system: "linux"}
	defer func() {
		if p := recover(); p != nil {
			n.err = fmt.Errorf("read ELF: %v", p)
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		n.err = err
		return n
	}
	n.arches = []string{elfArch(f)}
	if f.Type != elf.ET_DYN && f.Type != elf.ET_EXEC {
		n.system = "object" // a compiler's leftover, or code for another machine: nothing loads it
		return n
	}
	n.interp = elfInterp(f)
	n.dynamic(f)
	if addOn && n.err == nil {
		n.node = nodeAddOn(f)
	}
	return n
}

func elfArch(f *elf.File) string {
	switch {
	case f.Machine == elf.EM_X86_64 && f.Class == elf.ELFCLASS64:
		return "x86_64"
	case f.Machine == elf.EM_AARCH64:
		return "arm64"
	case f.Machine == elf.EM_386:
		return "x86 (32 bits)"
	case f.Machine == elf.EM_ARM:
		return "arm (32 bits)"
	}
	return strings.ToLower(strings.TrimPrefix(f.Machine.String(), "EM_"))
}

func elfInterp(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err == nil {
				return strings.TrimRight(string(b), "\x00")
			}
		}
	}
	return ""
}

// dynamic reads the dynamic section, and the versions of symbols.
func (n *native) dynamic(f *elf.File) {
	dynamic := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC && p.Filesz > 0 })
	if !dynamic {
		return
	}
	if f.SectionByType(elf.SHT_DYNAMIC) == nil {
		n.err = errors.New("its table of sections was removed")
		return
	}
	var errs [5]error
	var soname []string
	n.needed, errs[0] = f.DynString(elf.DT_NEEDED)
	n.rpath, errs[1] = searchPath(f, elf.DT_RPATH)
	n.runpath, errs[2] = searchPath(f, elf.DT_RUNPATH)
	soname, errs[3] = f.DynString(elf.DT_SONAME)
	errs[4] = n.versions(f)
	if len(soname) > 0 {
		n.soname = soname[0]
	}
	if len(n.runpath) > 0 {
		n.rpath = nil // as the loader has it
	}
	if n.isMusl() {
		n.system = "linuxmusl"
	}
	n.err = errors.Join(errs[:]...)
}

func searchPath(f *elf.File, tag elf.DynTag) ([]string, error) {
	var dirs []string
	list, err := f.DynString(tag)
	for _, s := range list {
		dirs = append(dirs, strings.FieldsFunc(s, func(r rune) bool { return r == ':' })...)
	}
	return dirs, err
}

// versions reads which versions must be there. A weak one may be missing: the loader does not refuse the file then.
func (n *native) versions(f *elf.File) error {
	if f.SectionByType(elf.SHT_GNU_VERNEED) != nil {
		needs, err := f.DynamicVersionNeeds()
		if err != nil {
			return err
		}
		for _, lib := range needs {
			for _, dep := range lib.Needs {
				if dep.Flags&elf.VER_FLG_WEAK == 0 {
					n.needs = append(n.needs, symbolNeed{lib.Name, dep.Dep})
				}
			}
		}
	}
	if f.SectionByType(elf.SHT_GNU_VERDEF) == nil {
		return nil
	}
	defs, err := f.DynamicVersions()
	for _, d := range defs {
		n.defines = append(n.defines, d.Name)
	}
	return err
}

// isMusl recognises programs and libraries of Alpine Linux and of other systems with the musl C library, none of which Lambda has.
func (n *native) isMusl() bool {
	return strings.Contains(n.interp, "/ld-musl-") || slices.ContainsFunc(n.needed, func(lib string) bool {
		return strings.HasPrefix(lib, "libc.musl-") || lib == "libc.so"
	})
}

// nodeAddOn finds the symbols by which Node.js knows an add-on: Node-API's, which fits every version, or one with the number of the version.
func nodeAddOn(f *elf.File) string {
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return ""
	}
	abi := ""
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF {
			if s.Name == "napi_module_register" {
				return "napi" // the older way to say so
			}
			continue
		}
		if strings.HasPrefix(s.Name, "napi_register_module_v") {
			return "napi"
		}
		if v, ok := strings.CutPrefix(s.Name, "node_register_module_v"); ok {
			abi = v
		}
	}
	return abi
}

// symbolsOf names the symbols that a file needs in one version of a library, sorted.
func symbolsOf(path string, need symbolNeed) (names []string) {
	defer func() {
		if recover() != nil {
			names = nil
		}
	}()
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return nil
	}
	for _, s := range symbols {
		if s.Version == need.version && s.Library == need.library {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func isMachO(head []byte) bool {
	if len(head) < 32 {
		return false
	}
	switch binary.LittleEndian.Uint32(head) {
	case 0xfeedface, 0xfeedfacf:
		return true
	}
	// A Java class begins with the same bytes as a file for several machines; its version, in the same place as their number, is never so small.
	return binary.BigEndian.Uint32(head) == 0xcafebabe && binary.BigEndian.Uint32(head[4:]) < 20
}

func machOArches(head []byte) []string {
	name := func(cpu uint32) string {
		switch cpu {
		case 0x01000007:
			return "x86_64"
		case 0x0100000c:
			return "arm64"
		}
		return "another CPU"
	}
	if binary.BigEndian.Uint32(head) != 0xcafebabe {
		return []string{name(binary.LittleEndian.Uint32(head[4:]))}
	}
	var list []string
	for i := range binary.BigEndian.Uint32(head[4:]) {
		if at := 8 + 20*int(i); at+4 <= len(head) {
			list = append(list, name(binary.BigEndian.Uint32(head[at:])))
		}
	}
	return list
}

// peHeader reads the first bytes of the header that makes a Windows file one; nil where there is none.
func peHeader(r io.ReaderAt, head []byte) []byte {
	if len(head) < headSize || head[0] != 'M' || head[1] != 'Z' {
		return nil
	}
	b := make([]byte, 6)
	if _, err := r.ReadAt(b, int64(binary.LittleEndian.Uint32(head[0x3c:]))); err != nil || !bytes.HasPrefix(b, []byte("PE\x00\x00")) {
		return nil
	}
	return b
}

func isPE(r io.ReaderAt, head []byte) bool { return peHeader(r, head) != nil }

func peArch(r io.ReaderAt, head []byte) string {
	switch binary.LittleEndian.Uint16(peHeader(r, head)[4:]) {
	case 0x8664:
		return "x86_64"
	case 0xaa64:
		return "arm64"
	case 0x014c:
		return "x86 (32 bits)"
	}
	return "another CPU"
}
