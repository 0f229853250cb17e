package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLoad reads a template of 200 functions and 200 tables, some 40 KB.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		b.Fatal(err)
	}
	var t strings.Builder
	t.WriteString("Globals: {Function: {Runtime: nodejs22.x, Handler: index.handler, Environment: {Variables: {STAGE: dev}}}}\nResources:\n")
	for i := range 200 {
		fmt.Fprintf(&t, "  F%d:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: src\n", i)
		fmt.Fprintf(&t, "      Environment: {Variables: {TABLE: !Ref T%d, ARN: !Sub \"${T%d.Arn}/*\"}}\n", i, i)
		fmt.Fprintf(&t, "  T%d: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub \"${AWS::StackName}-%d\"}}\n", i, i)
	}
	path := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(path, []byte(t.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, diags, err := Load(Options{Path: path})
		if err != nil || p == nil || len(p.Functions) != 200 {
			b.Fatalf("%v, %v", diags, err)
		}
	}
}
