package docker

import "time"

// often is the least time between two calls of a progress function: what a terminal can show, and a person see.
const often = 100 * time.Millisecond

// meter makes progress of a pull's messages.
type meter struct {
	tell   func(Progress)
	now    Progress
	began  time.Time
	told   time.Time
	layers map[string]*layer
	// first is when the first bytes came: the estimate counts from there.
	first time.Time
}

// layer is one of an image's: done when the engine has it unpacked; loaded when all of it has come.
type layer struct {
	current, total int64
	loaded, done   bool
}

func newMeter(ref string, tell func(Progress)) *meter {
	return &meter{tell: tell, now: Progress{Image: ref, Step: "pull"}, began: time.Now(), layers: map[string]*layer{}}
}

// message counts one message. Engines name a layer in the first word of its life, "Pulling fs layer" or "Already exists"; other ids are tags.
func (m *meter) message(msg message) {
	l := m.layers[msg.ID]
	if l == nil {
		switch msg.Status {
		case "Pulling fs layer", "Already exists", "Waiting", "Downloading":
			l = &layer{}
			m.layers[msg.ID] = l
		default:
			return
		}
	}
	switch msg.Status {
	case "Downloading":
		l.current, l.total = msg.ProgressDetail.Current, max(msg.ProgressDetail.Total, l.total)
	case "Verifying Checksum", "Download complete", "Extracting":
		l.current, l.loaded = l.total, true
	case "Pull complete", "Already exists":
		l.current, l.loaded, l.done = l.total, true, true
	}
	m.sum()
	if time.Since(m.told) >= often {
		m.pass()
	}
}

func (m *meter) sum() {
	p := &m.now
	p.Layers, p.LayersDone, p.Bytes, p.BytesTotal = len(m.layers), 0, 0, 0
	known := true
	for _, l := range m.layers {
		p.Bytes, p.BytesTotal = p.Bytes+l.current, p.BytesTotal+l.total
		if l.done {
			p.LayersDone++
		}
		known = known && (l.loaded || l.total > 0)
	}
	if m.first.IsZero() && p.Bytes > 0 {
		m.first = time.Now()
	}
	// There is an estimate only once every layer's size is known.
	p.Left = 0
	if ran := time.Since(m.first); known && p.Bytes > 0 && p.BytesTotal > p.Bytes && ran >= time.Second {
		p.Left = time.Duration(float64(ran) * float64(p.BytesTotal-p.Bytes) / float64(p.Bytes)).Round(time.Second)
	}
}

func (m *meter) pass() {
	m.told = time.Now()
	m.now.Elapsed = m.told.Sub(m.began)
	if m.tell != nil {
		m.tell(m.now)
	}
}

func (m *meter) done() {
	m.now.Done, m.now.Left = true, 0
	m.pass()
}
