package config

// The support table's rows of emulate.yaml.
var nativeTypes = []typeRow{}
