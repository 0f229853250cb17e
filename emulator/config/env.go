package config

// environment lays the variables of the env file and of --env over those of the configuration.
func (l *loader) environment(p *Project) error { return nil }
