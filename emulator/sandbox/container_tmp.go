package sandbox

import (
	"fmt"
	"time"

	"example.com/emulate/emulator/sandbox/inside"
)

// tmpEvery is how often the sizes of /tmp are looked at.
const tmpEvery = 15 * time.Second

// watchTmp tells once of each function whose /tmp has grown beyond its EphemeralStorage: no file system that every engine has holds it to that. On
// Lambda the write fails.
func (c *Container) watchTmp() {
	tick := time.NewTicker(c.tmpEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.work.Done():
			return
		}
		c.mu.Lock()
		all := make([]*contained, 0, len(c.instances))
		for in := range c.instances {
			all = append(all, in)
		}
		c.mu.Unlock()
		for _, in := range all {
			if in.b.tmp != "" {
				in.tmpIs(inside.FolderSize(in.b.tmp))
			} else {
				in.b.link.send(inside.Order{Do: inside.Sample}) // its answer comes to sampled
			}
		}
	}
}

func (in *contained) tmpIs(size int64) {
	limit := int64(in.spec.Function.EphemeralStorageMB) << 20
	if limit == 0 || size <= limit {
		return
	}
	c := in.b.w.c
	c.told.once(c, "tmp "+in.b.function, fmt.Sprintf("function %s has %d MB in /tmp; on Lambda, writes beyond its EphemeralStorage of %d MB fail", in.b.function,
		size>>20, in.spec.Function.EphemeralStorageMB))
}
