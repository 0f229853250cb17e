package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/sandbox"
	"example.com/emulate/emulator/telemetry"
)

// Check reads a configuration as Start would, and returns every problem of it, and of the interpreters that its functions would run in: it asks those
// for their versions, and looks for no container engine. It can be served where none is an error.
func Check(o Options) ([]config.Diagnostic, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, list, err := load(o)
	if p == nil {
		return list, err
	}
	x := &executors{asked: o.Executor, chosen: map[*config.Function]choice{}, process: sandbox.NewProcess(sandbox.ProcessOptions{CacheDir: o.CacheDir})}
	for _, f := range p.Functions {
		if len(f.Broken) == 0 && !x.choice(f).container {
			list = append(list, x.process.Check(f)...)
		}
	}
	inOrder(list)
	return list, x.process.Close(context.Background())
}

// load reads the configuration. The project is nil where the list has an error.
func load(o Options) (*config.Project, []config.Diagnostic, error) {
	p, list, err := config.Load(o.Configuration())
	if err != nil {
		return nil, nil, fmt.Errorf("load the project: %w", err)
	}
	if p == nil {
		return nil, list, nil
	}
	for _, f := range p.Functions {
		f.Executor = or(o.ExecutorOf[f.Name], f.Executor)
	}
	misplaced := misplace(p, o)
	list = append(list, misplaced...)
	inOrder(list)
	if misplaced != nil && !o.Lenient {
		p = nil
	}
	return p, list, nil
}

// misplace tells the functions that are to run as processes, and cannot on any machine. With Options.Lenient they are served as broken.
func misplace(p *config.Project, o Options) (list []config.Diagnostic) {
	for _, f := range p.Functions {
		if len(f.Broken) > 0 || executorOf(f, o.Executor) != "process" {
			continue
		}
		d, unsupported := sandbox.Unsupported(f)
		if !unsupported {
			continue
		}
		if o.Lenient {
			f.Broken = append(f.Broken, d)
			d.Severity = config.Warning
		}
		list = append(list, d)
	}
	return list
}

// inOrder sorts problems by their places.
func inOrder(list []config.Diagnostic) {
	slices.SortStableFunc(list, func(a, b config.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// brokenError is a function that cannot run: its configuration has errors that --lenient lets pass, or this machine lacks what it needs.
type brokenError struct{ list []config.Diagnostic }

// Error is the function's answer.
func (e *brokenError) Error() string {
	var s string
	for i, d := range e.list {
		if i > 0 {
			s += "\n"
		}
		s += d.String()
	}
	return s
}

// diagnoseOnce tells a problem that the preparation of a function met, the first time.
func (e *Emulator) diagnoseOnce(d config.Diagnostic) {
	if e.isNew(d.Code + "\x00" + d.Message) {
		e.emit(telemetry.TypeDiagnostic, d.Object, d)
	}
}

// firstOf puts a problem of a whole runtime at the first function that has it: builds run side by side, and chance decides which of them meets it.
func (e *Emulator) firstOf(d config.Diagnostic, f *config.Function) config.Diagnostic {
	if d.Code != "interpreter-version" {
		return d
	}
	for _, g := range e.Project().Functions {
		if g.Runtime == f.Runtime && len(g.Broken) == 0 && !e.run.choice(g).container {
			d.Position, d.Object = g.At, g.LogicalID
			break
		}
	}
	return d
}

// notBuilt tells why a function of the project could not be built when serving began.
func (e *Emulator) notBuilt(f *config.Function, err error) {
	var broken *brokenError
	if errors.As(err, &broken) {
		for _, d := range broken.list {
			e.diagnoseOnce(d)
		}
		return
	}
	d := config.Diagnostic{Severity: config.Error, Position: f.At, Object: f.LogicalID, Code: "build-failed", Message: err.Error()}
	if failed, ok := err.(*dockerbuild.Error); ok { // not one inside another: the outer one's words would be lost
		words := *failed
		words.Hint = ""
		d.Message, d.Hint = words.Error(), failed.Hint
	}
	e.diagnoseOnce(d)
}

// notRebuilt tells why a function could not be built after a change. What is wrong with its place was told as diagnostics, now or before: then the
// messages are enough.
func (e *Emulator) notRebuilt(f *config.Function, err error) {
	text := err.Error()
	var broken *brokenError
	if errors.As(err, &broken) {
		text = ""
		for i, d := range broken.list {
			e.diagnoseOnce(d)
			if i > 0 {
				text += "\n"
			}
			text += d.Message
		}
	}
	e.emit(telemetry.TypeReloadFailed, f.Name, &telemetry.ReloadFailed{Error: text, Function: f.Name})
}
