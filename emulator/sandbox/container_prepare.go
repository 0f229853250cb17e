package sandbox

import (
	"context"
	"fmt"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

// Prepare does before the first start what need not wait for it: the engine is found, the image pulled, the project's network made.
func (c *Container) Prepare(ctx context.Context, fn *config.Function, code lambda.Code) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.starting.Done()
	w, err := c.open(ctx, fn, code)
	if err == nil {
		_, _, err = c.image(ctx, w.engine, fn, code)
	}
	if err != nil {
		err = fmt.Errorf("prepare the container of function %s: %w", fn.Name, err)
		if around := anotherImage(fn, err); around != "" {
			err = fmt.Errorf("%w %s", err, around)
		}
		return err
	}
	return nil
}
