package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beEmulator is this test binary in the part of an emulator that is to be killed: it starts one environment and tells of it.
func beEmulator() {
	if os.Getenv("SANDBOX_TEST_SESSION") != "" {
		beContainers()
		return
	}
	p := NewProcess(ProcessOptions{
		TempDir: os.Getenv("SANDBOX_TEST_TEMP"), CacheDir: os.Getenv("SANDBOX_TEST_TEMP"), NoCgroups: os.Getenv("SANDBOX_TEST_EMULATOR") == "plain",
		onlyV1: os.Getenv("SANDBOX_TEST_EMULATOR") == "v1",
	})
	out := newRecord()
	s := spec(os.Getenv("SANDBOX_TEST_CODE"), out, "MODE", "family")
	s.Output = func(line []byte) { fmt.Printf("%s\n", line) }
	in, err := p.Start(context.Background(), s)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("cgroup", p.host.cgroups)
	fmt.Println("cpu", in.(*instance).slot.cpu.cgroup)
	fmt.Println("watchdog", p.host.watchdog.process.Pid)
	if os.Getenv("SANDBOX_TEST_FREEZE") != "" {
		bufio.NewReader(os.Stdin).ReadString('\n')
		if err := in.(*instance).LimitCPU(); err != nil {
			fmt.Println("error", err)
		}
		if err := in.(*instance).Freeze(); err != nil {
			fmt.Println("error", err)
		}
		fmt.Println("frozen")
	}
	<-in.Done()
}

// A SIGKILL of the emulator leaves nothing, within a second: no process, frozen or not, no folder, no cgroup. Signals to the terminal's group do
// not reach the watchdog.
func TestWatchdog(t *testing.T) {
	for _, way := range []string{"all", "v1", "plain"} {
		for _, freeze := range []string{"", "1"} {
			t.Run("cgroups="+way+",freeze="+freeze, func(t *testing.T) {
				within(t, time.Second, func() time.Duration { return watchdogCase(t, way, freeze) })
			})
		}
	}
}

// watchdogCase is the time from the kill until all are gone.
func watchdogCase(t *testing.T, way, freeze string) time.Duration {
	temp := outsideTmp(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SANDBOX_TEST_EMULATOR="+way, "SANDBOX_TEST_TEMP="+temp, "SANDBOX_TEST_CODE="+helperCode(t), "SANDBOX_TEST_FREEZE="+freeze)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := newRecord()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			out.output(lines.Bytes())
		}
	}()
	pids := []string{out.await(t, "pid "), out.await(t, "child false ")}
	setsid, group, watchdog := out.await(t, "child true "), out.await(t, "cgroup "), out.await(t, "watchdog ")
	cpu := out.await(t, "cpu ")
	if group != "" || cpu != "" {
		pids = append(pids, setsid)
	}
	if freeze != "" {
		fmt.Fprintln(stdin)
		out.await(t, "frozen")
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	<-read
	cmd.Wait()
	eventually(t, "the end of all", func() bool {
		left, _ := filepath.Glob(filepath.Join(temp, sessionPrefix+"*"))
		for _, pid := range append(pids, watchdog) {
			if alive(pid) {
				left = append(left, pid)
			}
		}
		for _, c := range []string{group, cpu} {
			if _, err := os.Stat(c); c != "" && err == nil {
				left = append(left, c)
			}
		}
		return len(left) == 0
	})
	took := time.Since(killed)
	if group == "" && cpu == "" {
		// What Limits says.
		if !alive(setsid) {
			t.Error("a process in a session of its own ended too: Limits need not say that it does not")
		}
		exec.Command("kill", "-9", setsid).Run()
	}
	return took
}

func TestWatchdogEndsByItself(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	p.Limits()
	pid := fmt.Sprint(p.host.watchdog.process.Pid)
	// Its own session: a Ctrl-C in the terminal of the emulator is not for it.
	stat := strings.Fields(read(t, "/proc/"+pid+"/stat"))
	if stat[5] != pid {
		t.Errorf("the watchdog is in session %s", stat[5])
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the watchdog is left")
	}
}
