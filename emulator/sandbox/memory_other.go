//go:build !linux

package sandbox

// peak stays empty: an instance is no lambda.Sampler here.
type peak struct{}
