package config

// folder makes the project of a folder without a configuration file.
func (l *loader) folder(p *Project, at *node) {}
