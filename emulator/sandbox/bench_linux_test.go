package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"
)

// bare starts the program as Process does, with the same variables in the same folder but with nothing around it, and waits for its end.
func bare(b *testing.B, l *launch, null *os.File) {
	fd := null.Fd()
	pid, err := syscall.ForkExec(l.path, l.args, &syscall.ProcAttr{Dir: l.dir, Env: l.env, Files: []uintptr{fd, fd, fd}})
	if err != nil {
		b.Fatal(err)
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStart starts, awaits and stops environments one after the other, in turn with bare starts of the same program; "ratio" is what the
// goal is about: at most 1.2.
func BenchmarkStart(b *testing.B) {
	for _, o := range []ProcessOptions{{}, {NoCgroups: true}, {NoPrivateTmp: true}, {NoCgroups: true, NoPrivateTmp: true}} {
		b.Run(fmt.Sprintf("cgroups=%v,private=%v", !o.NoCgroups, !o.NoPrivateTmp), func(b *testing.B) {
			code := outsideTmp(b)
			o.TempDir, o.CacheDir = outsideTmp(b), outsideTmp(b)
			write(b, filepath.Join(code, "bootstrap"), read(b, filepath.Join(helperCode(b), "bootstrap")))
			p := newProcess(b, o)
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			s := spec(code, newRecord())
			p.Limits()
			l, err := p.plan(b.Context(), s, &slot{tmp: code})
			if err != nil {
				b.Fatal(err)
			}
			var ours, floor, starts, oursCPU, floorCPU time.Duration
			for b.Loop() {
				t, c := time.Now(), cpu()
				in := start(b, p, s)
				starts += time.Since(t)
				if e := wait(b, in); e.Code != 0 {
					b.Fatal(e)
				}
				stop(b, in, 0)
				ours += time.Since(t)
				oursCPU += cpu() - c
				t, c = time.Now(), cpu()
				bare(b, l, null)
				floor += time.Since(t)
				floorCPU += cpu() - c
			}
			b.ReportMetric(float64(ours)/float64(floor), "ratio")
			b.ReportMetric(float64(oursCPU)/float64(floorCPU), "cpu-ratio")
			b.ReportMetric(float64(floorCPU.Microseconds())/float64(b.N), "µs-cpu/bare")
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/ours")
			b.ReportMetric(float64(floor.Microseconds())/float64(b.N), "µs/bare")
			b.ReportMetric(float64(starts.Microseconds())/float64(b.N), "µs/start")
		})
	}
}

// outsideTmp is a folder that a private /tmp does not hide, as a user's are.
func outsideTmp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cpu is the processor time of this process and of those that it has waited for.
func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		syscall.Getrusage(who, &u)
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

func BenchmarkPieces(b *testing.B) {
	p := newProcess(b, ProcessOptions{TempDir: outsideTmp(b)})
	if err := p.open(); err != nil {
		b.Fatal(err)
	}
	sl, err := p.slots.get()
	if err != nil {
		b.Fatal(err)
	}
	s := spec(helperCode(b), newRecord())
	s.Code.Dir = outsideTmp(b)
	write(b, s.Code.Dir+"/bootstrap", "")
	for name, f := range map[string]func(){
		"empty":    func() { sl.cgroup.empty() },
		"freeze":   func() { sl.cgroup.freeze(true); sl.cgroup.freeze(false) },
		"pristine": func() { pristine(sl.tmp) },
		"output": func() {
			o, w, _ := newOutput(func([]byte) {}, &p.buffers)
			w.Close()
			o.close()
		},
		"plan": func() { p.plan(b.Context(), s, sl) },
		"hop": func() {
			done := make(chan struct{})
			p.host.spawner.work <- func() { close(done) }
			<-done
		},
		"get": func() {
			n, err := (&slots{dir: p.slots.dir + "/x"}).get()
			if err != nil {
				b.Fatal(err)
			}
			n.remove()
		},
	} {
		os.Mkdir(p.slots.dir+"/x", 0o700)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
	p.slots.put(sl)
}

// BenchmarkFreeze is what an invoke costs a frozen environment: thaw, a question and its answer, freeze; and the same without freezing.
func BenchmarkFreeze(b *testing.B) {
	for _, way := range []string{"not", "cgroup", "signals"} {
		b.Run(way, func(b *testing.B) {
			p := newProcess(b, ProcessOptions{NoCgroups: way == "signals"})
			fifo := filepath.Join(outsideTmp(b), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				b.Fatal(err)
			}
			to, err := os.OpenFile(fifo, os.O_RDWR, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer to.Close()
			answers := make(chan struct{}, 1)
			s := spec(helperCode(b), newRecord(), "MODE", "echo", "FIFO", fifo)
			s.Output = func([]byte) { answers <- struct{}{} }
			in := start(b, p, s)
			<-answers
			f := in.(lambda.Freezer)
			for b.Loop() {
				if way != "not" {
					f.Thaw()
				}
				to.WriteString("x\n")
				<-answers
				if way != "not" {
					f.Freeze()
				}
			}
			stop(b, in, 0)
		})
	}
}

// BenchmarkDrain is Drain with nothing to read.
func BenchmarkDrain(b *testing.B) {
	p := newProcess(b, ProcessOptions{})
	out := newRecord()
	in := start(b, p, spec(helperCode(b), out, "MODE", "sleep"))
	out.await(b, "pid ")
	b.ReportAllocs()
	for b.Loop() {
		in.Drain()
	}
	stop(b, in, 0)
}

// BenchmarkMemory is what each further running environment adds to this process's memory.
func BenchmarkMemory(b *testing.B) {
	p := newProcess(b, ProcessOptions{})
	var all []lambda.Instance
	add := func(n int) {
		for range n {
			out := newRecord()
			all = append(all, start(b, p, spec(helperCode(b), out, "MODE", "sleep")))
			out.await(b, "pid ")
		}
	}
	add(50)
	before := resident(b)
	for b.Loop() {
		add(1)
	}
	b.ReportMetric(float64(resident(b)-before)/float64(b.N), "B/environment")
	for _, in := range all {
		stop(b, in, 0)
	}
}

func resident(b *testing.B) int {
	debug.FreeOSMemory()
	var total, rss int
	fmt.Sscan(read(b, "/proc/self/statm"), &total, &rss)
	return rss * os.Getpagesize()
}
