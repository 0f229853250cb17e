package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/sandbox/inside"
)

// furnish gives a container its /tmp, and the line that names its user.
func (b *box) furnish(ctx context.Context, s *docker.Spec) error {
	mounts := s.Mounts
	s.Mounts = append(make([]docker.Mount, 0, len(mounts)+2), mounts...)
	if b.function == "" { // the holder of the network
		return nil
	}
	if b.w.doors == nil {
		b.volume = fmt.Sprintf("%stmp-%d", b.w.prefix, b.number)
		if err := b.w.volumes.tmp(ctx, s.Image, b.volume); err != nil {
			return err
		}
		s.Mounts = append(s.Mounts, docker.Mount{Volume: b.volume, Target: "/tmp"})
		return nil
	}
	b.tmp = b.w.own(b.number, "tmp")
	if err := errors.Join(os.Mkdir(b.tmp, tmpMode), os.Chmod(b.tmp, tmpMode)); err != nil {
		return fmt.Errorf("make /tmp: %w", err)
	}
	table, err := b.w.passwd(ctx, s.Image)
	if err != nil {
		return err
	}
	users := b.w.own(b.number, "passwd")
	line := fmt.Appendf(table[:len(table):len(table)], "sbx_user1051:x:%d:%d::/home/sbx_user1051:/sbin/nologin\n", b.user, b.user)
	if err := os.WriteFile(users, line, 0o644); err != nil {
		return fmt.Errorf("write the user's name: %w", err)
	}
	s.Mounts = append(s.Mounts, docker.Mount{Bind: b.tmp, Target: "/tmp"}, docker.Mount{Bind: users, Target: "/etc/passwd", ReadOnly: true})
	return nil
}

// remove ends everything in the container and removes what belongs to it. It returns when no process is left; the engine removes the container
// itself in its own time, and Close sees to it that it has. It is idempotent.
func (b *box) remove(ctx context.Context) error {
	b.mu.Lock()
	already := b.removed
	b.removed = true
	api := b.api
	b.api = nil
	b.mu.Unlock()
	if already {
		return nil
	}
	ended := b.end(ctx)
	for _, ln := range []net.Listener{api, b.forward} {
		if ln != nil {
			ln.Close()
		}
	}
	b.forwarding.Wait()
	var err error
	if b.tmp != "" {
		err = errors.Join(removeAll(b.tmp), ignoreMissing(os.Remove(b.w.own(b.number, "passwd"))))
	}
	if !ended || b.volume != "" {
		b.w.c.tidying.Go(b.tidy)
	} else {
		b.giveBack()
	}
	return err
}

// end asks the init to end everything, and waits for that. False where a container may still run.
func (b *box) end(ctx context.Context) bool {
	if b.link == nil {
		return b.id == ""
	}
	if b.link.send(inside.Order{Do: inside.End}) != nil {
		b.link.close()
	}
	timer := time.NewTimer(gone)
	defer timer.Stop()
	select {
	case <-b.gone:
		b.link.close()
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	b.link.close() // which ends the init
	<-b.gone
	return false
}

// tidy removes the container by the engine, where it did not end by itself, and its volume.
func (b *box) tidy() {
	defer b.giveBack()
	b.w.c.persist(func(ctx context.Context) error {
		if b.id != "" {
			if err := b.w.engine.Remove(ctx, b.id); err != nil {
				return err
			}
		}
		if b.volume == "" {
			return nil
		}
		return b.w.engine.RemoveVolume(ctx, b.volume)
	})
}

// giveBack lets others have the user, and go what nobody else has mounted.
func (b *box) giveBack() {
	b.w.c.numbers.giveBack(b.user)
	b.w.copies.release(b.copies...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// forwardTo leads connections from inside to an address of this machine, until the listener is closed.
func forwardTo(ln net.Listener, address string) {
	for {
		from := nextConn(ln)
		if from == nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer to.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.Copy(to, from)
				closeWrite(to)
			}()
			io.Copy(from, to)
			closeWrite(from)
			<-done
		}()
	}
}

// nextConn gives the next connection, nil once the listener is closed.
func nextConn(ln net.Listener) net.Conn {
	for {
		conn, err := ln.Accept()
		if err == nil {
			return conn
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		time.Sleep(acceptAgain)
	}
}

// acceptAgain is how long after a failure the next connection is waited for: too many files may be open for a moment.
const acceptAgain = 10 * time.Millisecond

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// passwd is the user table of an image, read once.
func (w *world) passwd(ctx context.Context, image string) ([]byte, error) {
	w.looking.Lock()
	defer w.looking.Unlock()
	if table := w.passwds[image]; table != nil {
		return table, nil
	}
	var table []byte
	err := w.withHelper(ctx, image, nil, func(id string) (err error) {
		table, err = readFrom(ctx, w.engine, id, "/etc/passwd")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the users of an image: %w", err)
	}
	if len(table) == 0 {
		table = []byte("root:x:0:0:root:/root:/sbin/nologin\n")
	}
	if table[len(table)-1] != '\n' {
		table = append(table, '\n')
	}
	w.passwds[image] = table
	return table, nil
}

// filesOf are single files as a tree of that one folder.
func filesOf(paths ...string) []entry {
	entries := make([]entry, len(paths))
	for i, path := range paths {
		entries[i] = entry{name: filepath.Base(path), path: path}
	}
	return entries
}
