package dockerbuild

import (
	"path"
	"strings"
)

// bundleView is the file system that a function sees of its own: the code at /var/task, and the layers over each other at /opt.
type bundleView struct {
	code   *bundleTree
	layers []*bundleTree // in order: a later one hides files of an earlier one
}

// trees are the code and the layers.
func (v *bundleView) trees() []*bundleTree { return append([]*bundleTree{v.code}, v.layers...) }

// seenFile is a file of a bundle as the function sees it.
type seenFile struct {
	*bundleFile
	tree *bundleTree
	// at is the absolute path in the function's sandbox.
	at string
}

// find looks an absolute path of the sandbox up; ok is false where the bundle has no such file.
func (v *bundleView) find(at string) (f seenFile, ok bool) {
	at = path.Clean(at)
	if name, found := strings.CutPrefix(at, "/var/task/"); found {
		file := v.code.follow(name)
		return seenFile{file, v.code, at}, file != nil
	}
	name, found := strings.CutPrefix(at, "/opt/")
	for i := len(v.layers) - 1; found && i >= 0; i-- {
		if file := v.layers[i].follow(name); file != nil {
			return seenFile{file, v.layers[i], at}, true
		}
	}
	return seenFile{}, false
}

// at is where the sandbox has a file.
func (v *bundleView) at(t *bundleTree, name string) string {
	if t == v.code {
		return "/var/task/" + name
	}
	return "/opt/" + name
}

// natives lists all native files, in the order of the trees and names.
func (v *bundleView) natives() []seenFile {
	var list []seenFile
	for _, t := range v.trees() {
		for i := range t.files {
			if f := &t.files[i]; f.native != nil {
				list = append(list, seenFile{f, t, v.at(t, f.name)})
			}
		}
	}
	return list
}
