package fleet

// none ends a list.
const none int32 = -1

// link is one element's place in a list. Links live in a slice beside the elements, under the same index, so that lists cost no allocation and
// an element leaves from the middle in constant time.
type link struct{ prev, next int32 }

// list is a doubly linked list of indices into a slice of links. An element is in one list of that slice at a time.
type list struct {
	head, tail int32
	n          int32
}

func emptyList() list { return list{head: none, tail: none} }

func (l *list) pushFront(links []link, i int32) {
	links[i] = link{prev: none, next: l.head}
	if l.head == none {
		l.tail = i
	} else {
		links[l.head].prev = i
	}
	l.head = i
	l.n++
}

func (l *list) pushBack(links []link, i int32) {
	links[i] = link{prev: l.tail, next: none}
	if l.tail == none {
		l.head = i
	} else {
		links[l.tail].next = i
	}
	l.tail = i
	l.n++
}

func (l *list) remove(links []link, i int32) {
	at := links[i]
	if at.prev == none {
		l.head = at.next
	} else {
		links[at.prev].next = at.next
	}
	if at.next == none {
		l.tail = at.prev
	} else {
		links[at.next].prev = at.prev
	}
	l.n--
}
