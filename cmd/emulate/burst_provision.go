package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
)

// provision sets the provisioned concurrency of a version or alias, and waits until it is there.
func (c control) provision(ctx context.Context, qualifier string, n int) error {
	rest := "/provisioned-concurrency?Qualifier=" + url.QueryEscape(qualifier)
	if n == 0 {
		err := c.call(ctx, "take provisioned concurrency away", http.MethodDelete, "2019-09-30", rest, nil, nil)
		if refused := (*burst.CallError)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			return nil
		}
		return err
	}
	in := map[string]int{"ProvisionedConcurrentExecutions": n}
	if err := c.call(ctx, "provision concurrency", http.MethodPut, "2019-09-30", rest, in, nil); err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		var out struct{ Status, StatusReason string }
		if err := c.call(ctx, "provision concurrency", http.MethodGet, "2019-09-30", rest, nil, &out); err != nil {
			return false, err
		}
		if out.Status == "FAILED" {
			return false, fmt.Errorf("provision concurrency: %s", out.StatusReason)
		}
		return out.Status == "READY", nil
	})
}

// awaitProvisioned waits until what the project's file provisions is there, or has failed: its load is to meet it.
func awaitProvisioned(ctx context.Context, e *emulator.Emulator) error {
	for _, f := range e.Project().Functions {
		if f.ProvisionedConcurrency == 0 {
			continue
		}
		c := control{burst.NewServe(e.AWSURL()), "/functions/" + url.PathEscape(f.Name)}
		err := poll(ctx, func() (bool, error) {
			var out struct{ ProvisionedConcurrencyConfigs []struct{ Status string } }
			if err := c.call(ctx, "wait for provisioned concurrency", http.MethodGet, "2019-09-30", "/provisioned-concurrency?List=ALL", nil, &out); err != nil {
				return false, err
			}
			for _, p := range out.ProvisionedConcurrencyConfigs {
				if p.Status == "IN_PROGRESS" {
					return false, nil
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
