package config

// loadAPIs makes the project's APIs of the functions' events and of the template's API resources.
func (t *template) loadAPIs() {}
