package config

// loadNative reads an emulate.yaml into a project.
func loadNative(root *node, p *Project, opts Options, sc scope) {}
