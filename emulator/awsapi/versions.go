package awsapi

import (
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"example.com/emulate/emulator/lambda"
)

// The constraints of aliases in Lambda's model.
const (
	aliasPattern   = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`
	versionPattern = `(\$LATEST|[0-9]+)`
	maxAlias       = 128
	maxVersion     = 1024
	maxDescription = 256
)

// publishVersion is the operation PublishVersion.
func (h *handler) publishVersion(r *http.Request, rawName string) (int, any, error) {
	var in struct{ CodeSha256, Description, RevisionId string }
	if err := readBody(r, "PublishVersion", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	v.atMost("description", in.Description, maxDescription)
	name, err := h.wholeFunction(r, rawName, "lambda:PublishVersion", v)
	if err != nil {
		return 0, nil, err
	}
	d, err := h.Lambda.Publish(r.Context(), name, lambda.Publication{Description: in.Description, CodeSHA256: in.CodeSha256, RevisionID: in.RevisionId})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, configuration(d), nil
}

// listVersions is the operation ListVersionsByFunction. As in other lists, items lack the members about state.
func (h *handler) listVersions(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:ListVersionsByFunction", nil)
	if err != nil {
		return 0, nil, err
	}
	all, err := h.Lambda.Versions(name)
	if err != nil {
		return 0, nil, err
	}
	list, next, err := page(r.URL.Query(), maxItems, all, func(d lambda.Description) string { return d.Version })
	out := struct {
		Versions   []functionConfiguration
		NextMarker string `json:",omitempty"`
	}{[]functionConfiguration{}, next}
	for _, d := range list {
		out.Versions = append(out.Versions, listedConfiguration(d))
	}
	return http.StatusOK, out, err
}

// deleteFunction is the operation DeleteFunction, of a version only: the functions are those of the project's file.
func (h *handler) deleteFunction(r *http.Request, rawName string) (int, any, error) {
	name, qualifier, err := h.function(r, rawName, "lambda:DeleteFunction", nil)
	switch {
	case err != nil:
		return 0, nil, err
	case qualifier == "":
		return 0, nil, notImplemented("emulate does not emulate DeleteFunction of a whole function: take it out of the project's file. With a Qualifier it deletes a version")
	}
	return http.StatusNoContent, nil, h.Lambda.DeleteVersion(name, qualifier)
}

// aliasConfiguration is AliasConfiguration of Lambda's model.
type aliasConfiguration struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RoutingConfig   *routingConfig `json:",omitempty"`
	RevisionId      string
}

type routingConfig struct{ AdditionalVersionWeights map[string]float64 }

func aliasBody(a lambda.Alias) aliasConfiguration {
	out := aliasConfiguration{AliasArn: a.ARN, Name: a.Name, FunctionVersion: a.Version, Description: a.Description, RevisionId: a.RevisionID}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &routingConfig{a.Weights}
	}
	return out
}

// aliasRequest is the body of CreateAlias and of UpdateAlias.
type aliasRequest struct {
	Name, FunctionVersion, Description *string
	RoutingConfig                      *routingConfig
	RevisionId                         string
}

func (in *aliasRequest) check(v *violations) {
	if s := in.FunctionVersion; s != nil {
		v.length("functionVersion", *s, maxVersion)
		v.pattern("functionVersion", *s, versionPattern, *s == "$LATEST" || *s != "" && every(*s, isDigit))
	}
	if in.Description != nil {
		v.atMost("description", *in.Description, maxDescription)
	}
	if in.RoutingConfig == nil {
		return
	}
	for _, weight := range in.RoutingConfig.AdditionalVersionWeights {
		text := strconv.FormatFloat(weight, 'g', -1, 64)
		switch {
		case weight < 0:
			v.add("routingConfig.additionalVersionWeights", text, "have value greater than or equal to 0.0")
		case weight > 1:
			v.add("routingConfig.additionalVersionWeights", text, "have value less than or equal to 1.0")
		}
	}
}

func (in *aliasRequest) change() lambda.AliasChange {
	c := lambda.AliasChange{Version: in.FunctionVersion, Description: in.Description, RevisionID: in.RevisionId}
	if in.RoutingConfig != nil {
		c.Weights = &in.RoutingConfig.AdditionalVersionWeights
	}
	return c
}

func checkAlias(v *violations, name string) {
	v.length("name", name, maxAlias)
	v.pattern("name", name, aliasPattern, name != "" && every(name, isWord) && !every(name, isDigit))
}

// createAlias is the operation CreateAlias.
func (h *handler) createAlias(r *http.Request, rawName string) (int, any, error) {
	var in aliasRequest
	if err := readBody(r, "CreateAlias", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	v.present("name", in.Name)
	v.present("functionVersion", in.FunctionVersion)
	if in.Name != nil {
		checkAlias(&v, *in.Name)
	}
	in.check(&v)
	name, err := h.wholeFunction(r, rawName, "lambda:CreateAlias", v)
	if err != nil {
		return 0, nil, err
	}
	c := in.change()
	c.RevisionID = ""
	a, err := h.Lambda.CreateAlias(r.Context(), name, *in.Name, c)
	return http.StatusCreated, aliasBody(a), err
}

// namedAlias finds function and alias of a request to one alias.
func (h *handler) namedAlias(r *http.Request, rawName, action string, v violations) (name, alias string, err error) {
	alias = unescape(mux.Vars(r)["alias"])
	checkAlias(&v, alias)
	name, err = h.wholeFunction(r, rawName, action, v)
	return name, alias, err
}

// getAlias is the operation GetAlias.
func (h *handler) getAlias(r *http.Request, rawName string) (int, any, error) {
	name, alias, err := h.namedAlias(r, rawName, "lambda:GetAlias", nil)
	if err != nil {
		return 0, nil, err
	}
	a, err := h.Lambda.Alias(name, alias)
	return http.StatusOK, aliasBody(a), err
}

// updateAlias is the operation UpdateAlias.
func (h *handler) updateAlias(r *http.Request, rawName string) (int, any, error) {
	var in aliasRequest
	if err := readBody(r, "UpdateAlias", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	in.check(&v)
	name, alias, err := h.namedAlias(r, rawName, "lambda:UpdateAlias", v)
	if err != nil {
		return 0, nil, err
	}
	a, err := h.Lambda.UpdateAlias(name, alias, in.change())
	return http.StatusOK, aliasBody(a), err
}

// deleteAlias is the operation DeleteAlias.
func (h *handler) deleteAlias(r *http.Request, rawName string) (int, any, error) {
	name, alias, err := h.namedAlias(r, rawName, "lambda:DeleteAlias", nil)
	if err == nil {
		err = h.Lambda.DeleteAlias(name, alias)
	}
	return http.StatusNoContent, nil, err
}

// listAliases is the operation ListAliases.
func (h *handler) listAliases(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:ListAliases", nil)
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	all, err := h.Lambda.Aliases(name, q.Get("FunctionVersion"))
	if err != nil {
		return 0, nil, err
	}
	list, next, err := page(q, maxItems, all, func(a lambda.Alias) string { return a.Name })
	out := struct {
		Aliases    []aliasConfiguration
		NextMarker string `json:",omitempty"`
	}{[]aliasConfiguration{}, next}
	for _, a := range list {
		out.Aliases = append(out.Aliases, aliasBody(a))
	}
	return http.StatusOK, out, err
}

func (v *violations) atMost(member, value string, limit int) {
	if len(value) > limit {
		v.length(member, value, limit)
	}
}
